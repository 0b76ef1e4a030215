"""An alias that comes to name another version: checked before it answers, told once, and nothing is left behind."""

import gc
import io
import json
import os
import ssl
import threading
import time
import weakref
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import select

from backend.algorithms import probe
from backend.algorithms.probe import Probe
from backend.audit.journal import settle
from backend.audit.tables import AuditEvent
from backend.database import db
from backend.registry import catalog
from backend.registry.files import sweep_bundles
from backend.registry.mlflow_rest import MlflowRest
from backend.serving.memory import give_back
from backend.serving.shelf import Shelf
from backend.serving.swaps import FailureBook, Swap
from backend.settings import Settings
from tests.serving.conftest import Register, Shelves
from tests.serving.test_shelf import tamper, wait_until
from tests.trained import EXAMPLE

mlflow_only = pytest.mark.mlflow


def failures(target: str) -> list[AuditEvent]:
    db.session.rollback()
    found = select(AuditEvent).where(AuditEvent.event == "model.swap_failed", AuditEvent.target == target)
    return list(db.session.scalars(found))


@mlflow_only
def test_a_swap_is_told_with_what_it_replaced(
    shelves: Shelves, registered: Register, model_name: str, settings: Settings
) -> None:
    told: list[Swap] = []
    registered(), registered()
    shelf = shelves(on_swap=told.append)
    shelf.refresh()
    catalog.set_alias(settings, model_name, "champion", "2", "ada")
    for _ in range(3):
        shelf.refresh()
    mine = [swap for swap in told if swap.model == model_name]
    assert [(s.alias, s.version, s.previous, s.problem) for s in mine] == [
        ("champion", "1", None, None),
        ("champion", "2", "1", None),
    ]
    assert all(swap.seconds > 0 for swap in mine)


@mlflow_only
def test_a_version_that_forgot_its_answers_is_not_served(
    shelf: Shelf, registered: Register, model_name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(), registered()
    first = shelf.get(model_name)
    load = Probe.load
    monkeypatch.setattr(Probe, "load", lambda folder: Probe((told := load(folder)).inputs, told.outputs * 1.01))
    catalog.set_alias(settings, model_name, "champion", "2", "ada")
    shelf.refresh()
    assert shelf.get(model_name) is first
    (standing,) = [s for s in shelf.standings() if s.model == model_name]
    assert (standing.named, standing.served) == ("2", "1")
    assert "answers that were recorded" in (standing.problem or "")


@mlflow_only
def test_a_failure_is_in_the_journal_once_however_many_processes_meet_it(
    shelves: Shelves, registered: Register, model_name: str, settings: Settings, mlflow: object
) -> None:
    told: list[Swap] = []
    registered()
    tamper(mlflow, registered().artifact_path)  # type: ignore[arg-type]
    target = f"model:{model_name}@champion"
    processes = [shelves(on_swap=told.append) for _ in range(3)]
    for shelf in processes:
        shelf.refresh()
    for _ in range(2):
        catalog.set_alias(settings, model_name, "champion", "2", "eve")
        threads = [threading.Thread(target=shelf.refresh) for shelf in processes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for shelf in processes:
            shelf.refresh()
    (event,) = failures(target)
    assert (event.outcome, event.actor) == ("failed", "system")
    details = json.loads(event.details)
    assert (details["version"], details["served"]) == ("2", "1")
    assert len([swap for swap in told if swap.model == model_name and swap.problem]) == 3, "once a process"


def test_after_a_good_swap_a_failure_is_written_again(app: Flask, settings: Settings) -> None:
    books = [FailureBook(settings, app.app_context) for _ in range(2)]
    bad, good = Swap("iris", "champion", "3", "2", "damaged", 0.1), Swap("iris", "champion", "2", None, None, 0.1)
    other = Swap("iris", "challenger", "3", "2", "damaged", 0.1)
    for swap, book in [(bad, 0), (bad, 1), (other, 1), (good, 1), (bad, 0), (bad, 1)]:
        books[book].note(swap)
    settle(ended=True)  # what is repeated within a minute is written as a number when the minute is over
    assert len(failures("model:iris@champion")) == 2
    assert len(failures("model:iris@challenger")) == 1


@mlflow_only
def test_under_the_cap_champions_rest_and_come_back_when_they_are_asked_for(
    shelves: Shelves, registered: Register, model_name: str, mlflow_rest: MlflowRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(), registered()
    shelf = shelves(model_memory_mb=1)
    expected = dict.fromkeys(("champion", "challenger"))
    mlflow_rest.set_alias(model_name, "challenger", 2)
    shelf.refresh()
    monkeypatch.setattr(shelf._held, "_most_bytes", shelf.get(model_name).size + 1)
    answers = {
        alias: shelf.get(model_name, alias=alias).predict([EXAMPLE]) for alias in (*expected, *expected, *expected)
    }
    assert shelf._held.is_resting((model_name, "champion"))
    assert {s.alias: s.served for s in shelf.standings() if s.model == model_name} == {
        "champion": None,
        "challenger": "2",
    }
    for _ in range(3):
        shelf.refresh()
    assert shelf._held.is_resting((model_name, "champion")), "nobody asked"
    assert shelf.find_held(model_name) is None
    assert shelf.get(model_name).predict([EXAMPLE]) == answers["champion"]
    assert shelf._held.is_resting((model_name, "challenger"))


@mlflow_only
def test_a_process_hears_of_an_alias_that_another_set_without_asking_mlflow_all_the_time(
    shelves: Shelves, registered: Register, model_name: str, settings: Settings
) -> None:
    registered(), registered()
    here, there = shelves(seconds=30.0), shelves(seconds=30.0)
    for shelf in (here, there):
        shelf.start()
        wait_until(lambda: shelf.is_ready, seconds=20)  # noqa: B023
    assert here.get(model_name).version == there.get(model_name).version == "1"
    catalog.set_alias(settings, model_name, "champion", "2", "ada")
    here.refresh()
    assert wait_until(lambda: there.get(model_name).version == "2", seconds=10) < 5


class TestFilesOnThisMachine:
    def bundle(self, settings: Settings, digest: str, *, age: float, size: int = 1000) -> Path:
        folder = settings.data / "models" / digest
        folder.mkdir(parents=True)
        (folder / "model").write_bytes(b"x" * size)
        then = time.time() - age
        os.utime(folder, (then, then))
        return folder

    def test_files_of_versions_that_are_gone_are_removed(self, settings: Settings) -> None:
        kept, gone, young = (self.bundle(settings, c * 64, age=a) for c, a in [("a", 9e4), ("b", 9e4), ("c", 60)])
        (settings.data / "models" / "aliases.json").write_text("{}")
        draft = settings.data / "models" / ".fetch-x"
        draft.mkdir()
        os.utime(draft, (0, 0))
        assert sweep_bundles(settings, {"a" * 64}) == ["b" * 64]
        assert kept.is_dir()
        assert young.is_dir(), "perhaps of a version that is being registered"
        assert not gone.exists()
        assert not draft.exists()
        assert {p.name for p in (settings.data / "models").iterdir()} >= {"aliases.json", "a" * 64, "c" * 64}

    def test_beyond_the_cap_what_was_loaded_least_lately_goes(self, settings: Settings) -> None:
        small = Settings(**{**settings.model_dump(), "model_files_mb": 2})
        for digest, age in [("a", 9e4), ("b", 8e4), ("c", 7e4), ("d", 10)]:
            self.bundle(settings, digest * 64, age=age, size=1024 * 1024)
        assert sweep_bundles(small, {c * 64 for c in "abcd"}) == ["a" * 64, "b" * 64]
        assert sweep_bundles(small, {c * 64 for c in "abcd"}) == []

    def test_two_processes_at_once_do_no_harm(self, settings: Settings) -> None:
        for number in range(40):
            self.bundle(settings, f"{number:064x}", age=9e4)
        removed: list[list[str]] = []
        errors: list[BaseException] = []

        def sweep() -> None:
            try:
                removed.append(sweep_bundles(settings, set()))
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=sweep) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert sorted(name for names in removed for name in names) == [f"{number:064x}" for number in range(40)]

    @mlflow_only
    def test_what_was_swept_is_fetched_again(
        self, shelves: Shelves, registered: Register, model_name: str, settings: Settings
    ) -> None:
        digest = registered().digest
        expected = shelves().get(model_name).predict([EXAMPLE])
        folder = settings.data / "models" / digest
        os.utime(folder, (0, 0))
        assert sweep_bundles(settings, set()) == [digest]
        assert shelves().get(model_name).predict([EXAMPLE]) == expected
        assert folder.stat().st_mtime > time.time() - 600


@pytest.fixture
def uncollected() -> Iterator[None]:
    """What is in a reference cycle stays, as it does for minutes in a server that is not asked for much."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@mlflow_only
@pytest.mark.usefixtures("uncollected")
def test_a_version_that_was_replaced_is_free_at_once(
    shelves: Shelves, registered: Register, model_name: str, settings: Settings
) -> None:
    registered(), registered()
    shelf = shelves()
    shelf.get(model_name).predict([EXAMPLE])
    replaced = weakref.ref(shelf.get(model_name))
    catalog.set_alias(settings, model_name, "champion", "2", "ada")
    shelf.refresh()
    assert shelf.get(model_name).version == "2"
    assert replaced() is None


@mlflow_only
@pytest.mark.usefixtures("uncollected")
def test_promotions_leave_nothing_large_to_the_collector(
    registered: Register, model_name: str, settings: Settings
) -> None:
    registered()
    trusts = []
    for _ in range(4):
        catalog.set_alias(settings, model_name, "champion", "1", "ada")
        trusts.append(sum(isinstance(thing, ssl.SSLContext) for thing in gc.get_objects()))
    assert trusts[-1] == trusts[0], "each holds the certificates of all authorities"


def test_memory_is_given_back_without_an_error() -> None:
    give_back()


def test_a_probe_on_disk_is_plain_numbers(tmp_path: Path) -> None:
    Probe(np.zeros((2, 3)), np.ones(2)).save(tmp_path)
    with zipfile.ZipFile(io.BytesIO((tmp_path / probe.PROBE_FILE).read_bytes())) as archive:
        assert sorted(archive.namelist()) == ["inputs.npy", "outputs.npy"]
