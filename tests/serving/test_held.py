"""Which versions stay in memory: those asked for lately, under a cap; readers never wait."""

import pytest

from backend.algorithms.manifest import FileFingerprint, Manifest
from backend.algorithms.signature import Column, Signature
from backend.serving.held import Held
from backend.serving.models import ServedModel

MB = 1024 * 1024
SIGNATURE = Signature("regression", "t", "number", (), (Column("a", "number"),), "linear", {})


class Nothing:
    def answers(self, X: object) -> object:
        raise AssertionError("nobody predicts here")


def version(model: str, number: int, megabytes: int = 1) -> ServedModel:
    manifest = Manifest((FileFingerprint("model", "0" * 64, megabytes * MB),))
    return ServedModel(model, number, manifest, Nothing(), SIGNATURE)  # type: ignore[arg-type]


def names(held: Held) -> set[tuple[str, str]]:
    return {(served.model, served.version) for served in held.served()}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is later than the one before, however coarse the machine's is."""
    moments = iter(range(10_000))
    monkeypatch.setattr("backend.serving.models.time.monotonic", lambda: float(next(moments)))


@pytest.mark.usefixtures("clock")
def test_under_the_cap_all_stay_and_beyond_it_the_one_asked_for_least_lately_goes() -> None:
    held = Held(3 * MB, 16)
    for name in "abc":
        assert not held.put((name, "champion"), version(name, 1)), "nothing left"
    held.find(("a", "champion"))
    assert held.put(("d", "champion"), version("d", 1))
    assert names(held) == {("a", "1"), ("c", "1"), ("d", "1")}
    assert held.is_resting(("b", "champion"))
    assert held.find(("b", "champion")) is None
    held.put(("b", "champion"), version("b", 1))
    assert not held.is_resting(("b", "champion"))
    assert names(held) == {("a", "1"), ("d", "1"), ("b", "1")}


@pytest.mark.usefixtures("clock")
def test_one_model_is_always_served_however_large() -> None:
    held = Held(MB, 16)
    held.put(("a", "champion"), version("a", 1, 50))
    held.put(("b", "champion"), version("b", 1, 70))
    assert names(held) == {("b", "1")}


@pytest.mark.usefixtures("clock")
def test_a_version_under_two_names_counts_once_and_goes_under_both() -> None:
    held = Held(4 * MB, 16)
    both = version("a", 1, 2)
    held.put(("a", "champion"), both)
    held.put(("a", "challenger"), both)
    held.put(("b", "champion"), version("b", 1, 2))
    assert names(held) == {("a", "1"), ("b", "1")}
    held.put(("c", "champion"), version("c", 1, 1))
    assert names(held) == {("b", "1"), ("c", "1")}
    assert held.is_resting(("a", "champion"))
    assert held.is_resting(("a", "challenger"))


@pytest.mark.usefixtures("clock")
def test_only_so_many_stay_that_were_asked_for_by_number() -> None:
    held = Held(100 * MB, 2)
    held.put(("a", "champion"), version("a", 9))
    for number in (1, 2):
        held.put(("a", number), version("a", number))
    held.find(("a", 1))
    held.put(("a", 3), version("a", 3))
    assert names(held) == {("a", "9"), ("a", "1"), ("a", "3")}


def test_looking_is_not_asking() -> None:
    held = Held(MB, 1)
    served = version("a", 1)
    held.put(("a", "champion"), served)
    before = served.used_at
    assert held.look(("a", "champion")) is served
    assert held.find_version("a", 1) is served
    assert served.used_at == before
    held.find(("a", "champion"))
    assert served.used_at > before


def test_what_is_unknown_is_let_go() -> None:
    held = Held(MB, 1)
    held.put(("a", "champion"), version("a", 1))
    held.put(("b", "champion"), version("b", 1))
    held.keep(lambda name: name[0] != "b")
    assert names(held) == set()
    assert held.is_resting(("a", "champion"))
    held.keep(lambda name: name[0] != "a")
    assert not held.is_resting(("a", "champion"))
