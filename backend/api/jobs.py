"""Training jobs: asked for, watched, cancelled; and the algorithms to choose from."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from backend.algorithms.catalog import list_algorithms
from backend.algorithms.signature import Unknown
from backend.api import observing
from backend.api.routing import MOST, Answer, Body, Endpoints, Query
from backend.datasets.store import get_dataset
from backend.errors import Conflict, NotFound
from backend.identity.principal import Permission, Principal
from backend.training import jobs
from backend.training.tables import Job

endpoints = Endpoints("Training")

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class NewJob(Body):
    dataset_id: str
    target: str = Field(description="The column to predict")
    model: str = Field(description="Name of the model; a version is added where it exists")
    algorithm: str = "xgboost"
    task: Literal["binary", "multiclass", "regression"] | None = Field(None, description="Guessed where absent")
    columns: list[str] | None = Field(None, description="Exactly the columns to learn from; chosen where absent")
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    unknown_categories: Unknown = Field(
        "missing",
        description="What the model does with a category that training never saw: takes it as missing, or refuses it",
    )


class JobAnswer(Answer):
    id: str
    state: State
    model: str
    dataset_id: str
    target: str
    task: str | None
    algorithm: str
    columns: list[str] | None
    hyperparameters: dict[str, Any]
    seed: int
    unknown_categories: Unknown
    progress: float = Field(ge=0, le=1)
    step: str | None
    metrics: dict[str, Any]
    warnings: list[str]
    error: str | None
    run_id: str | None
    model_version: str | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobList(Answer):
    items: list[JobAnswer]


class PlotList(Answer):
    plots: list[dict[str, Any]] = Field(description="`name`, `title`, `form` and the points to draw")


class JobQuery(Query):
    model: str | None = None
    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=MOST)


class AlgorithmAnswer(Answer):
    name: str
    title: str
    tasks: list[str]
    hyperparameters: dict[str, Any] = Field(description="JSON Schema")
    error: str | None = Field(None, description="Why an installed algorithm cannot be used")


class AlgorithmList(Answer):
    items: list[AlgorithmAnswer]


@endpoints.get("/v1/algorithms", access=Permission.READ_JOBS, answer=AlgorithmList)
def read_algorithms() -> dict[str, object]:
    """What a job can train with: the built-in algorithms and those that this organisation installed."""
    return {"items": list_algorithms()}


@endpoints.post("/v1/jobs", access=Permission.RUN_JOBS, answer=JobAnswer, status=202, refuses=(NotFound,))
def create_job(actor: Principal, body: NewJob) -> Job:
    """Train in the background. The answer means that the job is kept, whatever happens to the machine."""
    wish = body.model_dump(exclude={"dataset_id"})
    return jobs.create_job(
        actor.name, get_dataset(body.dataset_id), jobs.Wish(**wish, trace_parent=str(observing.trace()))
    )


@endpoints.get("/v1/jobs", access=Permission.READ_JOBS, answer=JobList)
def list_jobs(query: JobQuery) -> dict[str, object]:
    """Jobs, the newest first."""
    return {"items": jobs.list_jobs(model=query.model, limit=query.limit, offset=query.offset)}


@endpoints.get("/v1/jobs/{job_id}", access=Permission.READ_JOBS, answer=JobAnswer)
def read_job(job_id: str) -> Job:
    """One job: where it stands, and what came of it."""
    return jobs.get_job(job_id)


@endpoints.get("/v1/jobs/{job_id}/plots", access=Permission.READ_JOBS, answer=PlotList)
def read_job_plots(job_id: str) -> dict[str, object]:
    """The evaluation on the hold-out rows as data: curves, confusion matrix, residuals, feature importance."""
    return {"plots": jobs.get_plots(job_id)}


@endpoints.post(
    "/v1/jobs/{job_id}/cancel", access=Permission.RUN_JOBS, answer=JobAnswer, status=202, refuses=(Conflict,)
)
def cancel_job(job_id: str) -> Job:
    """Stop the job within two seconds. 409 where it has ended already."""
    return jobs.cancel_job(job_id)
