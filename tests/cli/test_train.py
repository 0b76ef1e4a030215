"""From a file to a model at the terminal, with a worker whose work is a stand-in."""

import json
import threading
import time
from contextlib import contextmanager

import pytest

from backend.cli import job as job_module
from backend.database import db
from backend.datasets.store import list_datasets
from backend.storage import create_storage
from backend.training import lease
from backend.training.jobs import list_jobs
from backend.training.presence import announced

TABLE = "size,colour,kind\n" + "".join(f"{n}.5,{'red' if n % 2 else 'blue'},{'ab'[n % 2]}\n" for n in range(20))


class Worker(threading.Thread):
    """Takes one job after the other and ends it as the test says; the lease and the rows are real."""

    def __init__(self, settings, **end):
        super().__init__(daemon=True)
        self.app = create_storage(settings)
        self.end = {"state": "succeeded", "metrics": {"accuracy": 0.91, "test_rows": 4}, "model_version": "1"} | end
        self.ended = threading.Event()
        self.working = threading.Event()

    def run(self):
        while not self.ended.wait(0.02):
            with self.app.app_context():
                if taken := lease.claim("stand-in"):
                    db.session.commit()
                    self.work(taken.id)

    def work(self, job_id):
        lease.renew(job_id, "stand-in", step="fitting", progress=0.5)
        db.session.commit()
        self.working.set()
        if self.end["state"] == "waits":
            while not self.ended.wait(0.02) and not lease.renew(job_id, "stand-in", step="fitting", progress=0.5):
                db.session.commit()
            self.end["state"] = "cancelled"
        lease.finish(job_id, "stand-in", **self.end)
        db.session.commit()


@pytest.fixture
def work(app, settings):
    """Runs a worker that ends every job like this."""

    @contextmanager
    def begin(**end):
        worker = Worker(settings, **end)
        with announced(settings):
            worker.start()
            try:
                yield worker
            finally:
                worker.ended.set()
                worker.join(10)

    return begin


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "bugs of may.csv"
    path.write_text(TABLE)
    return str(path)


def job():
    db.session.rollback()
    (found,) = list_jobs()
    return found


def test_metrics_and_notes_are_shown(terminal, work, table):
    with work(warnings=["Column 'id' was set aside."]):
        result = terminal("train", table, "--target", "kind", "--model", "bugs")
    assert result.exit_code == 0, result.stderr
    assert "bugs, version 1" in result.stdout
    assert "0.91" in result.stdout
    assert "Note: Column 'id' was set aside." in result.stdout
    assert "It is served at once." in result.stdout


def test_wish_reaches_the_job(terminal, work, table):
    words = ("--task", "binary", "--algorithm", "linear", "--columns", "size, colour", "--seed", "7")
    with work():
        result = terminal("train", table, "--target", "kind", "--model", "bugs", *words, "--set", "penalty=0.5")
    assert result.exit_code == 0, result.stderr
    made = job()
    assert (made.model, made.target, made.task, made.algorithm, made.seed) == ("bugs", "kind", "binary", "linear", 7)
    assert (made.columns, made.hyperparameters) == (["size", "colour"], {"penalty": 0.5})
    assert made.created_by.startswith("cli:")
    (dataset,) = list_datasets()
    assert (dataset.name, dataset.rows) == ("bugs of may", 20)


def test_ended_job_is_json_for_programs(terminal, work, table):
    with work(model_version="2"):
        ended = terminal.json("train", table, "--target", "kind", "--model", "bugs")
    assert (ended["state"], ended["model_version"], ended["metrics"]["accuracy"]) == ("succeeded", "2", 0.91)


def test_later_version_waits_for_a_person(terminal, work, table):
    with work(model_version="2"):
        result = terminal("train", table, "--target", "kind", "--model", "bugs")
    assert "until somebody promotes this one" in result.stdout


def test_failed_training_says_why(terminal, work, table):
    with work(state="failed", error="The target 'kind' has one value only.", metrics={}):
        result = terminal("train", table, "--target", "kind", "--model", "bugs")
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: The target 'kind' has one value only.\n")
    assert "version" not in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target", "king", "--model", "bugs"), "'target' names 'king'"),
        (("--target", "kind", "--model", "My Bugs"), "'model'"),
        (("--target", "kind", "--model", "bugs", "--algorithm", "magic"), "no algorithm 'magic'"),
        (("--target", "kind", "--model", "bugs", "--set", "max_depth"), "key=value"),
        (("--target", "kind", "--model", "bugs", "--read", "colour=red"), "Unknown options: colour"),
        (("--model", "bugs"), "--target"),
    ],
)
def test_bad_input_leaves_nothing(terminal, work, table, settings, words, said):
    with work():
        result = terminal("train", table, *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert list_datasets() == list_jobs() == []
    folders = (settings.data / name for name in ("datasets", "uploads"))
    assert not any(list(folder.iterdir()) for folder in folders if folder.exists())


def test_unreadable_file_says_what_and_where(terminal, work, tmp_path):
    path = tmp_path / "ragged.csv"
    path.write_text("a,b\n1,2\n3,4,5\n")
    with work():
        result = terminal("train", str(path), "--target", "b", "--model", "bugs")
    assert result.exit_code == 2
    assert "3" in result.stderr


def test_file_that_is_not_there(terminal, work):
    with work():
        assert terminal("train", "nowhere.csv", "--target", "a", "--model", "b").exit_code == 2


def test_platform_that_does_not_run_is_told_before_anything_is_read(terminal, table):
    result = terminal("train", table, "--target", "kind", "--model", "bugs")
    assert result.exit_code == 3
    assert "Start the platform with `make run`" in result.stderr
    assert list_datasets() == []


def test_worker_that_goes_away_is_told(terminal, work, table, monkeypatch):
    monkeypatch.setattr(job_module, "_PATIENCE_SECONDS", 0)
    monkeypatch.setattr(job_module, "is_worker_present", lambda _: False)
    with work(state="waits"):
        result = terminal("train", table, "--target", "kind", "--model", "bugs")
    assert result.exit_code == 3
    assert "goes on when the platform runs again" in result.stderr


def test_ctrl_c_cancels_the_job(terminal, work, table, monkeypatch):
    with work(state="waits") as worker:

        def sleep(seconds, sleep=time.sleep):
            if worker.working.is_set():
                monkeypatch.setattr(job_module.time, "sleep", sleep)
                raise KeyboardInterrupt
            sleep(seconds)

        monkeypatch.setattr(job_module.time, "sleep", sleep)
        result = terminal("train", table, "--target", "kind", "--model", "bugs")
    assert result.exit_code == 1
    assert "The training was cancelled." in result.stderr
    assert job().state == "cancelled"


def test_progress_is_on_standard_error_only(terminal, work, table):
    with work():
        result = terminal("train", table, "--target", "kind", "--model", "bugs", "--json")
    assert json.loads(result.stdout)["state"] == "succeeded"
    assert "reading" in result.stderr
