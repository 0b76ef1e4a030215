"""The training worker: takes one job after the other and sees it trained, logged and registered."""

import logging
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from backend.database import db
from backend.logs import configure_logging
from backend.monitoring.trace import trace_of
from backend.monitoring.tracing import Tracing as Spans
from backend.monitoring.tracing import find_tracing
from backend.registry.mlflow_token import read_service_token
from backend.registry.registration import register
from backend.settings import VERSION, Settings, load_settings
from backend.storage import create_storage
from backend.training import lease
from backend.training.execution import job_folder
from backend.training.jobs import live_jobs
from backend.training.journey import PATIENCE_SECONDS, Journey, Registration, Tracking, remove_folder
from backend.training.keeper import Keeper
from backend.training.mlflow_http import MlflowHttp
from backend.training.presence import announced
from backend.training.signals import on_end_signal
from backend.training.tables import Job
from backend.training.tracking import DatasetFacts, log_run

POLL_SECONDS = 0.5
_THREADS = 2  # the one that works, and the one that holds the job
_RETRY_SECONDS = 1.0
_SWEEP_SECONDS = 600.0

_log = logging.getLogger("signet.worker")


class Worker:
    """Works until it is told to stop; any number may share a database, and each has one job at a time."""

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        tracking: Tracking,
        registration: Registration,
        patience: float = PATIENCE_SECONDS,
        tracing: Spans | None = None,
    ) -> None:
        self._app, self._settings, self._tracing = app, settings, tracing
        self._name = f"{socket.gethostname()[:64]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._journey = Journey(settings, self.transaction, self._name, tracking, registration, patience)
        self._stopping = threading.Event()
        self._keeper: Keeper | None = None
        self._swept_at = -_SWEEP_SECONDS

    def run(self) -> None:
        """Take jobs in the order in which they were queued; call it in the main thread, to which training processes are tied."""
        _log.info("ready for training jobs")
        while not self._stopping.is_set():
            try:
                job = self._claim()
                if job is None:
                    self._stopping.wait(POLL_SECONDS)
                else:
                    self._work(job)
            except SQLAlchemyError as error:
                _log.warning("the database does not answer: %s", error)
                self._stopping.wait(_RETRY_SECONDS)

    def stop(self) -> None:
        """End soon, from any thread; a job in work goes back to the queue."""
        self._stopping.set()
        if keeper := self._keeper:
            keeper.end("stopped")

    def close(self) -> None:
        """Nothing more comes; what waits to be told is told."""
        if self._tracing is not None:
            self._tracing.stop()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A database session of its own, committed unless an error leaves it."""
        with self._app.app_context():
            yield
            db.session.commit()

    def _claim(self) -> Job | None:
        self._sweep()
        with self.transaction():
            if not lease.is_work_waiting():
                return None
        with self.transaction():
            return lease.claim(self._name)

    def _work(self, job: Job) -> None:
        _log.info("job %s of model %s begins (claim %s)", job.id, job.model, job.claims)
        began = time.time()
        try:
            with Keeper(self.transaction, job.id, self._name) as self._keeper:
                if self._stopping.is_set():
                    self._keeper.end("stopped")
                self._journey.take(job, self._keeper)
        finally:
            self._keeper = None
        if self._tracing is not None:
            self._trace(self._tracing, job, began)

    def _trace(self, tracing: Spans, job: Job, began: float) -> None:
        """This turn of the job as a span under the request that asked for it."""
        with self.transaction():
            found = db.session.get(Job, job.id)
            state, version = (found.state, found.model_version) if found else ("deleted", None)
        told = {
            "signet.job": job.id,
            "signet.job.state": state,
            "signet.model": job.model,
            "signet.version": version or "",
            "signet.algorithm": job.algorithm,
        }
        problem = state if state == "failed" else None
        tracing.add("train", trace_of(job.trace_parent), (began, time.time()), told, problem=problem)

    def _sweep(self) -> None:
        """Now and then, remove what jobs that have ended left on the disk."""
        if time.monotonic() - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = time.monotonic()
        jobs = job_folder(self._settings, "")
        found = {folder.name for folder in jobs.iterdir()} if jobs.is_dir() else set()
        with self.transaction():
            ended = found - live_jobs()
        for job_id in ended:
            remove_folder(self._settings, job_id)


def make_worker(settings: Settings) -> Worker:
    """A worker over the platform's own database, MLflow and registry."""

    def tracking(job: Job, dataset: DatasetFacts, result_folder: Path, check: Callable[[], None]) -> str:
        with closing(MlflowHttp(settings.mlflow, lambda: read_service_token(settings))) as mlflow:
            return log_run(mlflow, job, dataset, result_folder, check=check)

    def registration(job: Job, run_id: str, result_folder: Path) -> str:
        return str(register(settings, job=job, run_id=run_id, result_folder=result_folder).version)

    tracing = find_tracing(settings, "signet-worker", VERSION)
    return Worker(create_storage(settings, threads=_THREADS), settings, tracking, registration, tracing=tracing)


def run(settings: Settings) -> None:
    """Work until told to end by SIGTERM or SIGINT."""
    configure_logging(settings.log_format)
    # It would tell of every request.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    worker = make_worker(settings)
    on_end_signal(worker.stop)
    with announced(settings):
        worker.run()
    worker.close()


def main() -> int:
    run(load_settings())
    return 0


if __name__ == "__main__":
    sys.exit(main())
