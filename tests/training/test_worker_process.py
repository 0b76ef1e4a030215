"""A worker as a process of its own: what it brings to an end, and what survives when it or its training is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from backend.database import db
from backend.registry.tables import ModelVersion
from backend.settings import REPOSITORY, Settings
from backend.training.jobs import cancel_job, get_plots
from backend.training.tables import Job
from tests.training.conftest import Transaction, add_job, open_storage, row, transactions

# Learns for minutes, unless it is stopped.
ENDLESS = {"n_estimators": 100_000, "early_stopping_rounds": 100_000, "learning_rate": 1e-6}
# Learns for some seconds.
LONG = {"n_estimators": 8000, "early_stopping_rounds": 8000, "learning_rate": 0.001, "max_depth": 3}


class Workers:
    """Worker processes over one home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        with (self._home / "worker.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.training.stand_in", str(self._home)]
            process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)
        self._started.append(process)
        return process

    def stop(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


@pytest.fixture
def workers(settings: Settings, transaction: Transaction) -> Iterator[Workers]:
    running = Workers(settings.home)
    yield running
    running.stop()


@dataclass(frozen=True)
class Shared:
    """A home with a worker, for tests that leave it as they found it."""

    settings: Settings
    transaction: Transaction
    worker: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    settings = Settings(home=tmp_path_factory.mktemp("shared"), training_threads=1)
    storages = open_storage(settings)
    running = Workers(settings.home)
    yield Shared(settings, transactions(next(storages)), running.start())
    running.stop()
    next(storages, None)


def eventually(found: Callable[[], Any], seconds: float = 100) -> Any:
    """What is found, as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (what := found()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return what


def training_of(worker: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The training process that a worker has started."""
    try:
        children = psutil.Process(worker.pid).children()
    except psutil.NoSuchProcess:
        return None
    return next((child for child in children if child.is_running()), None)


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def queue(settings: Settings, transaction: Transaction, hyperparameters: dict[str, Any]) -> str:
    with transaction():
        return add_job(settings, hyperparameters=hyperparameters)


def ended(transaction: Transaction, job_id: str) -> Job | None:
    job = row(transaction, job_id)
    return job if job.state in {"succeeded", "failed", "cancelled"} else None


def is_fitting(transaction: Transaction, job_id: str) -> bool:
    return row(transaction, job_id).step == "fitting"


def versions(transaction: Transaction) -> list[str]:
    with transaction():
        return list(db.session.scalars(select(ModelVersion.job_id)))


def test_jobs_are_trained_logged_and_registered_in_order(shared: Shared) -> None:
    jobs = [queue(shared.settings, shared.transaction, {"n_estimators": trees}) for trees in (5, 10)]

    done = [eventually(lambda j=job_id: ended(shared.transaction, j)) for job_id in jobs]

    assert [(job.state, job.model_version, job.progress, job.step) for job in done] == [
        ("succeeded", "1", 1.0, "done"),
        ("succeeded", "2", 1.0, "done"),
    ]
    assert done[0].run_id == f"run-of-{jobs[0]}"
    assert done[0].task == "binary"
    assert done[0].metrics["roc_auc"] > 0.7
    assert done[0].metrics["train_rows"] + done[0].metrics["test_rows"] == 200
    with shared.transaction():
        assert {plot["name"] for plot in get_plots(jobs[0])} >= {"roc", "confusion_matrix", "feature_importance"}
    eventually(lambda: not list((shared.settings.data / "jobs").iterdir()), 5)


def test_training_that_is_killed_is_tried_three_times(shared: Shared) -> None:
    job_id = queue(shared.settings, shared.transaction, ENDLESS)
    killed: set[int] = set()

    def another() -> psutil.Process | None:
        training = training_of(shared.worker)
        return training if training and training.pid not in killed else None

    for _ in range(3):
        training = eventually(another)
        killed.add(training.pid)
        os.kill(training.pid, signal.SIGKILL)

    job = eventually(lambda: ended(shared.transaction, job_id))

    assert (job.state, job.attempts) == ("failed", 3)
    assert job.error.startswith("Training crashed 3 times: the system ended it")
    assert shared.worker.poll() is None


def test_a_cancelled_training_is_gone_within_two_seconds(shared: Shared) -> None:
    job_id = queue(shared.settings, shared.transaction, ENDLESS)
    eventually(lambda: is_fitting(shared.transaction, job_id))
    training = eventually(lambda: training_of(shared.worker))

    with shared.transaction():
        cancel_job(job_id)
    began = time.monotonic()
    job = eventually(lambda: ended(shared.transaction, job_id), 5)
    eventually(lambda: is_gone(training), 5)

    assert time.monotonic() - began < 2
    assert (job.state, job.step) == ("cancelled", "cancelled")
    eventually(lambda: not list((shared.settings.data / "jobs").iterdir()), 5)


def test_a_killed_worker_takes_its_training_along_and_the_job_is_registered_once(
    settings: Settings, transaction: Transaction, workers: Workers
) -> None:
    job_id = queue(settings, transaction, LONG)
    worker = workers.start()
    eventually(lambda: is_fitting(transaction, job_id))
    training = eventually(lambda: training_of(worker))
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    eventually(lambda: is_gone(training), 5)
    workers.start()
    workers.start()

    job = eventually(lambda: ended(transaction, job_id))

    assert (job.state, job.claims, job.attempts) == ("succeeded", 2, 0)
    assert versions(transaction) == [job_id]
    assert (settings.home / "runs").read_text("utf-8").split() == [job_id]


def test_a_worker_that_is_told_to_end_gives_the_job_back(
    settings: Settings, transaction: Transaction, workers: Workers
) -> None:
    job_id = queue(settings, transaction, ENDLESS)
    worker = workers.start()
    eventually(lambda: is_fitting(transaction, job_id))
    training = eventually(lambda: training_of(worker))

    worker.terminate()
    assert worker.wait(5) == 0

    job = row(transaction, job_id)
    assert (job.state, job.claims, job.attempts, job.lease_owner) == ("queued", 0, 0, None)
    assert is_gone(training)


def test_an_idle_worker_ends_at_once(settings: Settings, transaction: Transaction, workers: Workers) -> None:
    worker = workers.start()
    eventually(lambda: b"ready" in (settings.home / "worker.log").read_bytes())

    worker.send_signal(signal.SIGINT)

    assert worker.wait(5) == 0
