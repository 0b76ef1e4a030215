"""Runs for people to compare, the platform's own and those that scientists log by hand: MLflow's records come in; runs go out."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

from sqlalchemy import select

from backend.database import db
from backend.errors import NotFound
from backend.registry.catalog import run_url
from backend.registry.known_aliases import read_known_aliases
from backend.registry.mlflow_rest import MlflowRest
from backend.registry.run_question import RunQuestion
from backend.registry.tables import ModelVersion
from backend.settings import Settings
from backend.training.tracking import JOB_TAG

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]

MOST_VALUES = 200
MOST_POINTS = 200
_LONGEST_VALUE = 500
_ID = re.compile(r"[0-9a-f]{32}")
# MLflow keeps infinity as the largest float.
_INFINITY = 1.79e308
_OURS = ("mlflow.", "signet.")
_STATES: Mapping[str, State] = {
    "SCHEDULED": "queued",
    "RUNNING": "running",
    "FINISHED": "succeeded",
    "FAILED": "failed",
    "KILLED": "cancelled",
}


@dataclass(frozen=True)
class RunData:
    """A table that the run says it learnt from; `id` where it is a dataset of the platform."""

    name: str
    digest: str
    id: str | None


@dataclass(frozen=True)
class RunVersion:
    """The registered version that the run became."""

    model: str
    version: str
    aliases: list[str]


@dataclass(frozen=True)
class Run:
    """One run: what was chosen (`params`), what came of it (`metrics`, the latest value of each), and where it came from.

    `curves` names the metrics that were logged step by step. `task` and `job_id` are known of the platform's own runs.
    """

    id: str
    name: str
    experiment: str
    state: State
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    task: str | None
    job_id: str | None
    datasets: list[RunData]
    params: dict[str, str]
    metrics: dict[str, float | None]
    curves: list[str]
    tags: dict[str, str]
    note: str
    version: RunVersion | None
    url: str

    @classmethod
    def of(cls, settings: Settings, told: Mapping[str, Any], experiment: str, version: RunVersion | None) -> Self:
        info, data = told["info"], told.get("data", {})
        tags = _values(data.get("tags", []))
        metrics = data.get("metrics", [])[:MOST_VALUES]
        own = {key: value for key, value in tags.items() if not key.startswith(_OURS)}
        return cls(
            id=info["run_id"],
            name=info.get("run_name", ""),
            experiment=experiment,
            state=_STATES.get(info.get("status", ""), "running"),
            created_by=tags.get("mlflow.user", info.get("user_id", "")),
            started_at=_moment(info.get("start_time")),
            finished_at=_moment(info.get("end_time")),
            task=tags.get("signet.task"),
            job_id=tags.get(JOB_TAG),
            datasets=_datasets(told, tags),
            params=_shortened(_values(data.get("params", []))),
            metrics={each["key"]: number(each["value"]) for each in metrics},
            curves=sorted(each["key"] for each in metrics if int(each.get("step", 0)) > 0),
            tags=_shortened(own),
            note=tags.get("mlflow.note.content", "")[: 10 * _LONGEST_VALUE],
            version=version,
            url=run_url(settings, info["experiment_id"], info["run_id"]),
        )


@dataclass(frozen=True)
class Curve:
    """What one run logged of a metric, step by step."""

    run_id: str
    steps: list[int]
    values: list[float | None]


def list_experiments(settings: Settings) -> list[str]:
    """The names of all experiments: a model's name, or what a scientist chose."""
    with closing(MlflowRest(settings)) as mlflow:
        return sorted(mlflow.experiments().values())


def list_runs(settings: Settings, question: RunQuestion) -> list[Run]:
    """The runs that fit; none where there is no such experiment. NotReady while MLflow is away."""
    with closing(MlflowRest(settings)) as mlflow:
        experiments = mlflow.experiments()
        among = [key for key, name in experiments.items() if question.experiment in {None, name}]
        if not among:
            return []
        told = mlflow.search_runs(among, question.filter(), question.order(), question.most)
    versions = _versions(settings, [each["info"]["run_id"] for each in told])
    runs = [
        Run.of(settings, each, experiments[each["info"]["experiment_id"]], versions.get(each["info"]["run_id"]))
        for each in told
    ]
    return [run for run in runs if question.is_of_dataset({data.name for data in run.datasets})]


def get_run(settings: Settings, run_id: str) -> Run:
    """One run; NotFound where there is none, or where it was deleted."""
    with closing(MlflowRest(settings)) as mlflow:
        told = get_told(mlflow, run_id)
        experiments = mlflow.experiments()
    experiment = experiments.get(told["info"]["experiment_id"])
    if experiment is None:
        raise _unknown(run_id)
    return Run.of(settings, told, experiment, _versions(settings, [run_id]).get(run_id))


def get_told(mlflow: MlflowRest, run_id: str) -> dict[str, Any]:
    """A run as MLflow tells it; NotFound where there is none, or where it was deleted."""
    if not _ID.fullmatch(run_id):
        raise _unknown(run_id)
    try:
        told = mlflow.run(run_id)
    except NotFound as error:
        raise _unknown(run_id, error.cause) from error
    if told["info"].get("lifecycle_stage") == "deleted":
        raise _unknown(run_id)
    return told


def list_curves(settings: Settings, run_ids: Sequence[str], metric: str) -> list[Curve]:
    """A metric step by step, a curve for each run that logged it, at most 200 points each."""
    with closing(MlflowRest(settings)) as mlflow:
        points = mlflow.metric_points(run_ids, metric, MOST_POINTS)
    of_run: dict[str, list[dict[str, Any]]] = {run_id: [] for run_id in run_ids}
    for point in points:
        of_run[point["run_id"]].append(point)
    return [
        Curve(run_id, [int(each.get("step", 0)) for each in found], [number(each["value"]) for each in found])
        for run_id, found in of_run.items()
        if found
    ]


def number(value: object) -> float | None:
    """A metric's value; None for what is no number that JSON could hold."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and abs(found) < _INFINITY else None


def _versions(settings: Settings, run_ids: Sequence[str]) -> dict[str, RunVersion]:
    aliases = read_known_aliases(settings)
    rows = db.session.scalars(select(ModelVersion).where(ModelVersion.run_id.in_(run_ids)))
    return {
        row.run_id: RunVersion(
            row.model,
            str(row.version),
            sorted(alias for alias, version in aliases.get(row.model, {}).items() if version == row.version),
        )
        for row in rows
    }


def _datasets(told: Mapping[str, Any], tags: Mapping[str, str]) -> list[RunData]:
    inputs = [each["dataset"] for each in told.get("inputs", {}).get("dataset_inputs", [])]
    known, ours = tags.get("signet.dataset.name"), tags.get("signet.dataset.id")
    return [
        RunData(each["name"], each.get("digest", ""), ours if each["name"] == known else None) for each in inputs[:10]
    ]


def _values(pairs: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {pair["key"]: pair.get("value", "") for pair in pairs}


def _shortened(values: Mapping[str, str]) -> dict[str, str]:
    return {key: value[:_LONGEST_VALUE] for key, value in list(values.items())[:MOST_VALUES]}


def _moment(milliseconds: int | str | None) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None


def _unknown(run_id: str, cause: str | None = None) -> NotFound:
    return NotFound(f"There is no run '{run_id[:64]}'.", cause=cause)
