"""Runs of experiments, to be compared: the platform's own, and those that scientists log in MLflow by themselves."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from backend.api.platform import Platform
from backend.api.routing import Answer, Endpoints, Query
from backend.identity.principal import Permission
from backend.registry import run_plots, runs
from backend.registry.run_question import NAME_OF_METRIC, RunQuestion

endpoints = Endpoints("Experiments")

MOST_COMPARED = 10
State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Metric = Annotated[str, Field(pattern=NAME_OF_METRIC, max_length=250)]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class RunsQuery(Query):
    experiment: Name | None = Field(None, description="Name of an experiment; that of a model is the model's own")
    dataset: Name | None = Field(None, description="Name of a table that the run learnt from")
    state: State | None = None
    metric: Metric | None = Field(None, description="The metric that `at_least` and `at_most` bound")
    at_least: Bound | None = None
    at_most: Bound | None = None
    by_metric: Metric | None = Field(None, description="Best of this metric first; the newest run first where absent")
    smallest_first: bool = Field(default=False, description="Less of `by_metric` is better")
    limit: int = Field(100, ge=1, le=1000)


class CurvesQuery(Query):
    metric: Metric
    # One text in the address, so that no parameter is given twice.
    runs: Annotated[str, Field(pattern=r"^[0-9a-f]{32}(,[0-9a-f]{32}){0,9}$")] = Field(
        description=f"Ids of 1 to {MOST_COMPARED} runs, separated by commas"
    )


class ExperimentAnswer(Answer):
    name: str = Field(description="Name of a model, or what a scientist called it")


class ExperimentList(Answer):
    items: list[ExperimentAnswer]


class RunDataAnswer(Answer):
    name: str
    digest: str
    id: str | None = Field(description="Where it is a dataset of the platform")


class RunVersionAnswer(Answer):
    model: str
    version: str
    aliases: list[str]


class RunAnswer(Answer):
    id: str
    name: str
    experiment: str
    state: State
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    task: str | None = Field(description="Of the platform's own runs")
    job_id: str | None = Field(description="The training job, of the platform's own runs")
    datasets: list[RunDataAnswer]
    params: dict[str, str] = Field(description=f"At most {runs.MOST_VALUES}, long values cut")
    metrics: dict[str, float | None] = Field(description="The latest value of each; null for what is not finite")
    curves: list[str] = Field(description="The metrics that were logged step by step")
    tags: dict[str, str] = Field(description="Those that people gave")
    note: str
    version: RunVersionAnswer | None = Field(description="The registered version that it became")
    url: str = Field(description="Its page in MLflow")


class RunList(Answer):
    items: list[RunAnswer]
    more: bool = Field(description="Others fit too, beyond `limit`")


class CurveAnswer(Answer):
    run_id: str
    steps: list[int]
    values: list[float | None]


class CurveList(Answer):
    metric: str
    items: list[CurveAnswer] = Field(
        description=f"Of the runs that logged it; at most {runs.MOST_POINTS} points each, evenly chosen"
    )


class RunPlotsAnswer(Answer):
    plots: list[dict[str, Any]] = Field(description="`name`, `title`, `form` and the points to draw")
    problem: str | None = Field(description="Why there are none")


@endpoints.get("/v1/experiments", access=Permission.READ_JOBS, answer=ExperimentList)
def list_experiments(platform: Platform) -> dict[str, object]:
    """The experiments that runs belong to: one for each model, and those of scientists."""
    return {"items": [{"name": name} for name in runs.list_experiments(platform.settings)]}


@endpoints.get("/v1/runs", access=Permission.READ_JOBS, answer=RunList)
def list_runs(query: RunsQuery, platform: Platform) -> dict[str, object]:
    """Runs with their parameters and metrics, the newest or the best first."""
    wanted = query.model_dump(exclude={"limit"})
    # One more than wanted says whether there are others.
    found = runs.list_runs(platform.settings, RunQuestion(**wanted, most=query.limit + 1))
    return {"items": found[: query.limit], "more": len(found) > query.limit}


@endpoints.get("/v1/runs/{run_id}", access=Permission.READ_JOBS, answer=RunAnswer)
def read_run(run_id: str, platform: Platform) -> object:
    """One run."""
    return runs.get_run(platform.settings, run_id)


@endpoints.get("/v1/runs/{run_id}/plots", access=Permission.READ_JOBS, answer=RunPlotsAnswer)
def read_run_plots(run_id: str, platform: Platform) -> object:
    """How the run fared on the rows that were held out, as data to draw, computed when it was trained."""
    return run_plots.get_run_plots(platform.settings, run_id)


@endpoints.get("/v1/metric-curves", access=Permission.READ_JOBS, answer=CurveList)
def read_metric_curves(query: CurvesQuery, platform: Platform) -> dict[str, object]:
    """A metric step by step, for each of some runs."""
    run_ids = list(dict.fromkeys(query.runs.split(",")))
    curves = runs.list_curves(platform.settings, run_ids, query.metric)
    return {"metric": query.metric, "items": [asdict(curve) for curve in curves]}
