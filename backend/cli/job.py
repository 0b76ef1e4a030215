"""One training job as the person at the terminal sees it: followed, cancelled, told about."""

import sys
import time
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from backend.cli.context import Context
from backend.cli.database import transaction
from backend.errors import Conflict, NotReady
from backend.training.jobs import cancel_job, get_job
from backend.training.presence import is_worker_present
from backend.training.tables import FINISHED

_POLL_SECONDS = 0.2
# A worker that was killed is started again within this time.
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Standing:
    """Where a job stands at this moment."""

    id: str
    model: str
    state: str
    step: str
    progress: float
    metrics: dict[str, Any]
    warnings: list[str]
    error: str | None
    model_version: str | None
    run_id: str | None

    @property
    def has_ended(self) -> bool:
        return self.state in FINISHED


def read_standing(context: Context, job_id: str) -> Standing:
    """The job's row, copied; NotFound where there is none."""
    with transaction(context):
        job = get_job(job_id)
        return Standing(**{name: getattr(job, name) for name in Standing.__dataclass_fields__})


def follow(context: Context, job_id: str, progress: Progress) -> Standing:
    """Show the job's steps until it has ended; NotReady where no worker is left to do it."""
    bar = progress.add_task("waiting", total=1.0)
    seen = time.monotonic()
    while not (standing := read_standing(context, job_id)).has_ended:
        progress.update(bar, description=standing.step, completed=standing.progress)
        seen = time.monotonic() if is_worker_present(context.settings) else seen
        if time.monotonic() - seen > _PATIENCE_SECONDS:
            raise NotReady(f"The training worker has ended. Job {job_id} goes on when the platform runs again.")
        time.sleep(_POLL_SECONDS)
    progress.update(bar, description=standing.state, completed=standing.progress)
    return standing


def interrupt(context: Context, job_id: str, progress: Progress) -> Standing:
    """What Ctrl-C means: the job is cancelled, unless the person at the terminal wants it to go on."""
    progress.stop()
    asked = sys.stdin.isatty()
    if asked and not click.confirm("Cancel the training job?", default=True, err=True):
        return read_standing(context, job_id)
    try:
        with transaction(context):
            cancel_job(job_id)
    except Conflict:
        pass  # it ended at this very moment
    return follow(context, job_id, progress)


def tell(standing: Standing, console: Console) -> None:
    """Metrics on rows that the training did not see, and what the person should know about the data."""
    table = Table("metric", "value", title=f"{standing.model}, version {standing.model_version}")
    for name, value in standing.metrics.items():
        table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    console.print(table)
    for warning in standing.warnings:
        console.print(f"Note: {warning}", style="yellow")
    first = standing.model_version == "1"
    console.print(
        "It is served at once."
        if first
        else "The version that was served so far stays until somebody promotes this one."
    )
