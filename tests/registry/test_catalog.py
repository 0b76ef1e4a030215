"""What people see of models, versions and aliases, and how they change an alias."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import Invalid, NotFound
from backend.registry import catalog
from backend.registry.known_aliases import write_known_aliases
from backend.registry.mlflow_rest import MlflowRest
from backend.registry.registration import register
from backend.settings import Settings
from tests.trained import EXAMPLE, make_job, make_result

pytestmark = [pytest.mark.mlflow, pytest.mark.usefixtures("app")]


@pytest.fixture
def model(settings: Settings, model_name: str, run_ids: Callable[[], str], tmp_path: Path) -> str:
    """A model with two versions."""
    for number in (1, 2):
        result = make_result(tmp_path / f"result-{number}", seed=number)
        register(settings, job=make_job(model_name), run_id=run_ids(), result_folder=result)
    return model_name


def known(settings: Settings) -> None:
    """What the shelf does every half second."""
    rest = MlflowRest(settings)
    write_known_aliases(settings, rest.aliases())
    rest.close()


def test_models_are_listed_with_versions_and_aliases(settings: Settings, model: str) -> None:
    known(settings)
    [found] = catalog.list_models(settings)
    assert found == catalog.get_model(settings, model)
    assert (found.name, found.aliases) == (model, {"champion": "1"})
    assert [(v.version, v.aliases) for v in found.versions] == [("2", []), ("1", ["champion"])]
    version = catalog.get_version(settings, model, "1")
    assert version == found.versions[1]
    assert version.signature["example"] == EXAMPLE
    page = f"{settings.mlflow}/#/experiments/0/runs/{version.run_id}"
    assert version.run_url == f"{page}?workflowType=machine_learning"
    assert len(version.digest) == 64


def test_an_alias_is_moved_and_made(settings: Settings, model: str) -> None:
    catalog.set_alias(settings, model, "champion", "2", "ada")
    catalog.set_alias(settings, model, "challenger", "1", "ada")
    known(settings)
    assert catalog.get_model(settings, model).aliases == {"challenger": "1", "champion": "2"}
    assert catalog.get_version(settings, model, "2").aliases == ["champion"]


def test_unknown_models_and_versions_are_not_found(settings: Settings, model: str) -> None:
    with pytest.raises(NotFound):
        catalog.get_model(settings, "nobody")
    for name, version in [
        (model, "3"),
        (model, "0"),
        (model, "-1"),
        (model, "one"),
        (model, "9" * 30),
        ("nobody", "1"),
    ]:
        with pytest.raises(NotFound):
            catalog.get_version(settings, name, version)
        with pytest.raises(NotFound):
            catalog.set_alias(settings, name, "champion", version, "ada")


def test_what_is_an_alias_here_is_one_for_mlflow_too(settings: Settings, model: str) -> None:
    for alias in ("", "latest", "v2", "Champion", "a b", "a/b", "1st", "x" * 64, "champion\n"):
        with pytest.raises(Invalid, match="An alias has"):
            catalog.set_alias(settings, model, alias, "1", "ada")
    names = ("champion", "a", "v", "v2b", "latest-good", "x" * 63)
    for alias in names:
        catalog.set_alias(settings, model, alias, "2", "ada")
    known(settings)
    assert catalog.get_model(settings, model).aliases == dict.fromkeys(sorted(names), "2")
