"""Installed packages add algorithms; a broken one is named and breaks nothing else."""

from pathlib import Path

import pytest

from backend.algorithms.boosting import GradientBoosting
from backend.algorithms.catalog import DEFAULT, get_algorithm, list_algorithms
from backend.errors import Invalid, NotFound
from tests.algorithms.installed import install

GOOD = """
from backend.algorithms.linear import LinearModel

class Mine(LinearModel):
    name = "mine"
    title = "Mine"
"""


def test_the_built_in_algorithms_come_first() -> None:
    assert [(one.name, one.package) for one in list_algorithms()][:2] == [("xgboost", "signet"), ("linear", "signet")]
    assert get_algorithm(DEFAULT) is GradientBoosting


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(NotFound):
        get_algorithm("no-such-algorithm")


def test_an_installed_algorithm_is_listed_and_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, "acme-mine", {"acme_mine": GOOD}, {"mine": "acme_mine:Mine"})
    assert get_algorithm("mine").title == "Mine"
    [found] = [one for one in list_algorithms() if one.name == "mine"]
    assert (found.package, found.error, found.tasks) == (
        "acme-mine 1.0.0",
        None,
        ("binary", "multiclass", "regression"),
    )
    assert "penalty" in found.hyperparameters["properties"]


BROKEN = {
    "cannot be loaded: ModuleNotFoundError": "import no_such_module_at_all",
    "cannot be loaded: SystemExit": "raise SystemExit(1)",
    "cannot be loaded: ZeroDivisionError": "1 / 0",
    "cannot be loaded: AttributeError": "",
    "no subclass": "class Broken: pass",
    "names itself": GOOD + "Broken = Mine",
    "it lacks fit, load, predict, save": "from backend.algorithms.contract import Algorithm\nclass Broken(Algorithm): name = 'broken'",
}


@pytest.mark.parametrize(("said", "source"), BROKEN.items(), ids=list(BROKEN))
def test_a_broken_package_is_named(said: str, source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path / "one", "acme-broken", {"acme_broken": source}, {"broken": "acme_broken:Broken"})
    install(monkeypatch, tmp_path / "two", "acme-mine", {"acme_mine": GOOD}, {"mine": "acme_mine:Mine"})
    with pytest.raises(Invalid) as caught:
        get_algorithm("broken")
    assert said in caught.value.detail
    assert "acme-broken 1.0.0" in caught.value.detail
    listed = {one.name: one for one in list_algorithms()}
    assert listed["broken"].error == caught.value.detail
    assert listed["mine"].error is None
    assert str(tmp_path) not in caught.value.detail


def test_one_name_from_two_packages_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("acme", "bolt"):
        install(monkeypatch, tmp_path / name, f"{name}-mine", {f"{name}_mine": GOOD}, {"mine": f"{name}_mine:Mine"})
    with pytest.raises(Invalid, match=r"acme-mine 1\.0\.0.*bolt-mine 1\.0\.0|bolt-mine 1\.0\.0.*acme-mine 1\.0\.0"):
        get_algorithm("mine")
    assert [one.name for one in list_algorithms()].count("mine") == 1


def test_a_package_cannot_take_the_place_of_a_built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, "acme-mine", {"acme_mine": GOOD}, {"xgboost": "acme_mine:Mine"})
    assert get_algorithm("xgboost") is GradientBoosting
    assert [one.error for one in list_algorithms() if one.name == "xgboost"] == [
        None,
        "acme-mine 1.0.0 offers 'xgboost', a name that Signet itself uses.",
    ]
