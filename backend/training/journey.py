"""One claimed job on its way: trained, logged, registered; every end that it can come to is one commit."""

import json
import logging
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from backend.datasets.store import dataset_path, get_dataset
from backend.errors import NotFound, NotReady, SignetError, TrainingImpossible
from backend.settings import Settings
from backend.training import lease
from backend.training.execution import Crashed, job_folder, train_in_process
from backend.training.keeper import Ended, Keeper, Transaction
from backend.training.spec import RESULT_FOLDER, Result, Spec
from backend.training.tables import Job
from backend.training.tracking import DatasetFacts

MOST_CRASHES = 3
MOST_CLAIMS = 50
# How long a trained model waits for MLflow before other jobs have their turn.
PATIENCE_SECONDS = 300.0
_RETRY_SECONDS = 1.0

_log = logging.getLogger("signet.training")
T = TypeVar("T")

# `log_run` over a connection of its own: the id of the run. What `check` raises ends it.
Tracking = Callable[[Job, DatasetFacts, Path, Callable[[], None]], str]
# The version that a run becomes; the same however often it is asked.
Registration = Callable[[Job, str, Path], str]


@dataclass(frozen=True)
class Journey:
    """How a worker takes a job along; `owner` is the name under which it holds leases."""

    settings: Settings
    transaction: Transaction
    owner: str
    tracking: Tracking
    registration: Registration
    patience: float = PATIENCE_SECONDS

    def take(self, job: Job, keeper: Keeper) -> None:
        """Bring a claimed job to its end, or back to the queue, or leave it to whoever has it now.

        Only a database that does not answer is raised: when the lease has run out, the job is taken up where it was.
        """
        try:
            self._carry_out(job, keeper)
        except Ended as ended:
            self._end(job, ended)
        except lease.LeaseLost:
            _log.info("job %s is not ours any more", job.id)
        except NotReady as away:
            _log.warning("job %s goes to the end of the queue: %s (%s)", job.id, away.detail, away.cause)
            with suppress(lease.LeaseLost), self.transaction():
                lease.postpone(job.id, self.owner)
        except SignetError as refusal:
            self._fail(job, refusal.detail, refusal.cause)
        except SQLAlchemyError:
            raise
        except Exception:
            _log.exception("job %s: unexpected error", job.id)
            self._fail_or_retry(job)

    def _carry_out(self, job: Job, keeper: Keeper) -> None:
        if job.claims > MOST_CLAIMS:
            raise TrainingImpossible(f"The worker died {MOST_CLAIMS} times while it had this job. Its log says why.")
        spec, dataset = self._look_up(job)
        result = self._trained(job, spec, keeper)
        folder = job_folder(self.settings, job.id) / RESULT_FOLDER
        self._show(job, result, folder)
        keeper.step, keeper.progress = "logging", 0.97
        run_id = self._patiently(keeper, lambda: self.tracking(job, dataset, folder, keeper.verify))
        with self.transaction():
            lease.keep(job.id, self.owner, run_id=run_id)
        keeper.step, keeper.is_late = "registering", True
        version = self._patiently(keeper, lambda: self._register(job, run_id, folder))
        with self.transaction():
            ended = {"model_version": version, "step": "done", "progress": 1.0}
            lease.finish(job.id, self.owner, "succeeded", **ended)
        _log.info("job %s is registered", job.id)
        remove_folder(self.settings, job.id)

    def _look_up(self, job: Job) -> tuple[Spec, DatasetFacts]:
        with self.transaction():
            try:
                dataset = get_dataset(job.dataset_id)
            except NotFound as gone:
                raise TrainingImpossible(
                    "The dataset was deleted before the training began. Upload it again."
                ) from gone
            spec = Spec(
                job_id=job.id,
                dataset=str(dataset_path(self.settings, dataset)),
                kinds={column["name"]: column["type"] for column in dataset.columns},
                target=job.target,
                algorithm=job.algorithm,
                task=job.task,  # type: ignore[arg-type]
                columns=None if job.columns is None else tuple(job.columns),
                hyperparameters=job.hyperparameters,
                seed=job.seed,
                unknown_categories=job.unknown_categories,
                threads=self.settings.training_threads,
                memory_mb=self.settings.training_memory_mb,
            )
            return spec, DatasetFacts(dataset.id, dataset.name, dataset.sha256, dataset.rows)

    def _trained(self, job: Job, spec: Spec, keeper: Keeper) -> Result:
        """The result, after as many tries as a crashing process is given."""
        while True:
            try:
                return train_in_process(self.settings, spec, keeper)
            except Crashed as crash:
                _log.warning("job %s: training crashed: %s\n%s", job.id, crash.words, crash.cause)
                with self.transaction():
                    crashes = lease.count_crash(job.id, self.owner)
                if crashes >= MOST_CRASHES:
                    reason = f"Training crashed {crashes} times: {crash.words}."
                    raise TrainingImpossible(reason, cause=crash.cause) from crash

    def _show(self, job: Job, result: Result, folder: Path) -> None:
        """Let people see what came out before it is registered."""
        plots = json.loads((folder / "plots.json").read_text("utf-8"))
        with self.transaction():
            shown = {"metrics": dict(result.metrics), "warnings": list(result.warnings), "plots": plots}
            lease.keep(job.id, self.owner, task=result.task, **shown)

    def _patiently(self, keeper: Keeper, act: Callable[[], T]) -> T:
        """Try again while MLflow is away, until others should have their turn."""
        deadline = time.monotonic() + self.patience
        while True:
            keeper.verify()
            try:
                return act()
            except NotReady as away:
                if time.monotonic() >= deadline:
                    raise
                _log.info("waiting: %s (%s)", away.detail, away.cause)
                keeper.wait(_RETRY_SECONDS)

    def _register(self, job: Job, run_id: str, folder: Path) -> str:
        with self.transaction():
            return self.registration(job, run_id, folder)

    def _end(self, job: Job, ended: Ended) -> None:
        _log.info("job %s ends: %s", job.id, ended.reason)
        with suppress(lease.LeaseLost), self.transaction():
            if ended.reason == "stopped":
                lease.release(job.id, self.owner)
            if ended.reason == "cancelled":
                lease.finish(job.id, self.owner, "cancelled", step="cancelled")
        if ended.reason == "cancelled":
            remove_folder(self.settings, job.id)

    def _fail(self, job: Job, reason: str, cause: str | None = None) -> None:
        _log.warning("job %s failed: %s (%s)", job.id, reason, cause)
        with suppress(lease.LeaseLost), self.transaction():
            lease.finish(job.id, self.owner, "failed", error=reason, step="failed")
        remove_folder(self.settings, job.id)

    def _fail_or_retry(self, job: Job) -> None:
        """An error of ours may pass; one that comes again does not."""
        with suppress(lease.LeaseLost):
            with self.transaction():
                crashes = lease.count_crash(job.id, self.owner)
            if crashes >= MOST_CRASHES:
                self._fail(
                    job, "An unexpected error happened on the server. The worker's log has it under the job's id."
                )
                return
            with self.transaction():
                lease.postpone(job.id, self.owner)


def remove_folder(settings: Settings, job_id: str) -> None:
    """Remove what a job that has ended left on the disk."""
    shutil.rmtree(job_folder(settings, job_id), ignore_errors=True)
