"""Training jobs, and the algorithms that they can run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

from signet_client.connection import Connection
from signet_client.paths import path
from signet_client.types import FINAL_STATES, Algorithm, Job, Plots, Task


class Jobs:
    """The calls under `/v1/jobs`."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call

    def start(
        self,
        *,
        dataset_id: str,
        target: str,
        model: str,
        algorithm: str | None = None,
        task: Task | None = None,
        columns: Sequence[str] | None = None,
        hyperparameters: dict[str, Any] | None = None,
        seed: int | None = None,
        unknown_categories: Literal["missing", "refuse"] | None = None,
    ) -> Job:
        """A queued job that learns `target` from the dataset and registers a version of `model`.

        What is left None is decided by the platform: the task from the target, all usable columns, the default algorithm.
        """
        wanted = {
            "dataset_id": dataset_id,
            "target": target,
            "model": model,
            "algorithm": algorithm,
            "task": task,
            "columns": list(columns) if columns is not None else None,
            "hyperparameters": hyperparameters,
            "seed": seed,
            "unknown_categories": unknown_categories,
        }
        body = {key: value for key, value in wanted.items() if value is not None}
        return cast("Job", self._call("POST", "/v1/jobs", json=body))

    def list(self) -> list[Job]:
        return cast("list[Job]", self._call("GET", "/v1/jobs")["items"])

    def get(self, job_id: str) -> Job:
        return cast("Job", self._call("GET", path("v1", "jobs", job_id)))

    def plots(self, job_id: str) -> Plots:
        """What the charts of a finished job are drawn from."""
        return cast("Plots", self._call("GET", path("v1", "jobs", job_id, "plots"))["plots"])

    def cancel(self, job_id: str) -> Job:
        return cast("Job", self._call("POST", path("v1", "jobs", job_id, "cancel")))

    def wait(
        self,
        job_id: str,
        *,
        timeout: float,
        on_progress: Callable[[Job], None] | None = None,
        every: float = 0.5,
    ) -> Job:
        """The job once it has succeeded, failed or been cancelled; TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            job = self.get(job_id)
            if on_progress:
                on_progress(job)
            if job["state"] in FINAL_STATES:
                return job
            if time.monotonic() >= deadline:
                raise TimeoutError(f"Job {job_id} is still {job['state']} after {timeout:g} seconds.")
            time.sleep(every)


class Algorithms:
    """The call `/v1/algorithms`."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call

    def list(self) -> list[Algorithm]:
        return cast("list[Algorithm]", self._call("GET", "/v1/algorithms")["items"])
