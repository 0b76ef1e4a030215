"""What becomes of a trained job while MLflow is away, refuses, or a person changes their mind."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from backend.errors import DigestMismatch, NotReady
from backend.settings import Settings
from backend.training import journey as journeys
from backend.training import keeper as keepers
from backend.training import lease
from backend.training.execution import find_result, job_folder, train_in_process
from backend.training.jobs import cancel_job
from backend.training.journey import MOST_CLAIMS, Journey
from backend.training.keeper import Ended, Keeper
from backend.training.spec import Spec
from backend.training.tables import Job
from tests.trained import make_result
from tests.training.conftest import Transaction, add_job, row

OWNER = "a worker"


class Outside:
    """MLflow and the registry as a script: each call takes the next of `replies`; an error is raised, a function called."""

    def __init__(self) -> None:
        self.replies: list[BaseException | Callable[[Callable[[], None]], str] | str] = []
        self.calls: list[str] = []
        self.keeper: Keeper | None = None

    def track(self, job: Job, dataset: object, folder: Path, check: Callable[[], None]) -> str:
        return self._reply("track", check)

    def register(self, job: Job, run_id: str, folder: Path) -> str:
        return self._reply("register", lambda: None)

    def _reply(self, call: str, check: Callable[[], None]) -> str:
        self.calls.append(call)
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply(check) if callable(reply) else reply


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def job(settings: Settings, transaction: Transaction) -> Job:
    """A claimed job whose training has left its result."""
    with transaction():
        job_id = add_job(settings, model="kinds")
    make_result(job_folder(settings, job_id) / "result")
    (job_folder(settings, job_id) / "result" / "plots.json").write_text("[]", "utf-8")
    return claimed(transaction)


def claimed(transaction: Transaction) -> Job:
    with transaction():
        job = lease.claim(OWNER)
    assert job is not None
    return job


def take(settings: Settings, transaction: Transaction, outside: Outside, job: Job, patience: float = 0) -> None:
    journey = Journey(settings, transaction, OWNER, outside.track, outside.register, patience)
    with Keeper(transaction, job.id, OWNER) as outside.keeper:
        journey.take(job, outside.keeper)


def test_a_result_is_logged_and_registered_without_training_again(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job
) -> None:
    outside.replies = ["run-1", "4"]

    take(settings, transaction, outside, job)

    done = row(transaction, job.id)
    assert (done.state, done.run_id, done.model_version, done.metrics["accuracy"]) == ("succeeded", "run-1", "4", 0.9)
    assert not job_folder(settings, job.id).exists()


def test_while_mlflow_is_away_it_is_asked_again(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journeys, "_RETRY_SECONDS", 0.01)
    outside.replies = [NotReady("away"), NotReady("away"), "run-1", NotReady("away"), "1"]

    take(settings, transaction, outside, job, patience=60)

    assert row(transaction, job.id).state == "succeeded"
    assert outside.calls == ["track", "track", "track", "register", "register"]


def test_when_patience_ends_the_job_goes_last_and_keeps_its_result(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job
) -> None:
    with transaction():
        other = add_job(settings)
    outside.replies = [NotReady("away"), "run-1", "1"]

    take(settings, transaction, outside, job)

    waiting = row(transaction, job.id)
    assert (waiting.state, waiting.step, waiting.claims) == ("queued", "waiting", 0)
    assert waiting.metrics["accuracy"] == 0.9
    assert [claimed(transaction).id for _ in range(2)] == [other, job.id]
    take(settings, transaction, outside, job)
    assert row(transaction, job.id).state == "succeeded"


def test_a_cancellation_while_logging_takes_effect_within_two_seconds(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job
) -> None:
    hangs = threading.Event()

    def track(check: Callable[[], None]) -> str:
        with transaction():
            cancel_job(job.id)
        began = time.monotonic()
        while row(transaction, job.id).state != "cancelled":  # although this call has not come back
            assert time.monotonic() - began < 2
        hangs.set()
        check()
        raise AssertionError("the check let it go on")

    outside.replies = [track]

    take(settings, transaction, outside, job)

    assert hangs.is_set()
    assert row(transaction, job.id).state == "cancelled"
    assert not job_folder(settings, job.id).exists()


def test_a_cancellation_between_two_tries_to_register_is_heard(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job
) -> None:
    def away(_check: Callable[[], None]) -> str:
        with transaction():
            cancel_job(job.id)
        raise NotReady("away")

    outside.replies = ["run-1", away]

    take(settings, transaction, outside, job, patience=60)

    assert row(transaction, job.id).state == "cancelled"


def test_a_cancellation_that_comes_during_the_registration_is_too_late(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job
) -> None:
    def register(_check: Callable[[], None]) -> str:
        with transaction():
            cancel_job(job.id)
        assert outside.keeper is not None
        with pytest.raises(Ended):  # the keeper hears of it, and must leave it to us
            outside.keeper.wait(10)
        return "1"

    outside.replies = ["run-1", register]

    take(settings, transaction, outside, job)

    done = row(transaction, job.id)
    assert (done.state, done.model_version) == ("succeeded", "1")


def test_a_refusal_is_the_end_in_its_own_words(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job
) -> None:
    outside.replies = ["run-1", DigestMismatch("The files were changed.")]

    take(settings, transaction, outside, job)

    done = row(transaction, job.id)
    assert (done.state, done.error, done.run_id) == ("failed", "The files were changed.", "run-1")


def test_an_unexpected_error_is_tried_again_and_the_third_is_the_end(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job
) -> None:
    states = []
    for _ in range(3):
        outside.replies = [ZeroDivisionError("a bug")]
        take(settings, transaction, outside, job)
        states.append(row(transaction, job.id).state)
        if states[-1] == "queued":
            job = claimed(transaction)

    assert states == ["queued", "queued", "failed"]
    assert "a bug" not in str(row(transaction, job.id).error)


def test_another_workers_job_is_left_alone(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job
) -> None:
    def track(check: Callable[[], None]) -> str:
        with transaction():
            lease.release(job.id, OWNER)
        with transaction():
            lease.claim("another")
        while True:
            check()

    outside.replies = [track]

    take(settings, transaction, outside, job)

    assert row(transaction, job.id).lease_owner == "another"
    assert job_folder(settings, job.id).exists()


def test_a_job_that_kills_its_workers_is_given_up(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job
) -> None:
    job.claims = MOST_CLAIMS + 1

    take(settings, transaction, outside, job)

    assert "died 50 times" in str(row(transaction, job.id).error)


def test_a_deleted_dataset_is_said_in_words(
    settings: Settings, transaction: Transaction, outside: Outside, job: Job
) -> None:
    job.dataset_id = "gone"

    take(settings, transaction, outside, job)

    assert "The dataset was deleted" in str(row(transaction, job.id).error)


def test_a_harmed_result_is_thrown_away(settings: Settings, job: Job) -> None:
    folder = job_folder(settings, job.id)
    assert find_result(folder) is not None
    with (folder / "result" / "bundle" / "model.ubj").open("r+b") as stream:
        stream.truncate(100)

    assert find_result(folder) is None
    assert not (folder / "result").exists()


def test_work_that_has_to_end_ends_before_a_process_is_left(
    settings: Settings, transaction: Transaction, job: Job, spec: Spec
) -> None:
    shutil.rmtree(job_folder(settings, job.id))
    with Keeper(transaction, job.id, OWNER) as keeper:
        keeper.end("stopped")
        with pytest.raises(Ended) as ended:
            train_in_process(settings, spec, keeper)

    assert ended.value.reason == "stopped"


def test_a_database_that_does_not_answer_for_a_while_is_no_reason_to_end(
    transaction: Transaction, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "BEAT_SECONDS", 0.01)
    failures = iter(range(5))
    answered = threading.Event()

    @contextmanager
    def flaky() -> Iterator[None]:
        if next(failures, None) is not None:
            raise OperationalError("renew", {}, Exception("away"))
        with transaction():
            yield
        answered.set()

    with Keeper(flaky, job.id, OWNER) as keeper:
        assert answered.wait(10)
        keeper.verify()


def test_waiting_for_nothing_ends_with_the_work(storage: Flask, transaction: Transaction, job: Job) -> None:
    with Keeper(transaction, job.id, OWNER) as keeper:
        threading.Timer(0.1, keeper.end, ["stopped"]).start()
        with pytest.raises(Ended):
            keeper.wait(60)
