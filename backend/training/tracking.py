"""A finished training becomes a run in MLflow: a result on disk comes in; the run's id goes out, the same however often it is asked.

The run is found again by its tag, and everything that is written is the same each time, so that a worker that was killed half-way
leaves nothing double.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.training.mlflow_http import MlflowHttp, MlflowRefused, path_of
from backend.training.spec import RESULT_FILE, Result
from backend.training.tables import Job

JOB_TAG = "signet.job_id"
_MOST_SERIES = 4
_LONGEST_VALUE = 5000


@dataclass(frozen=True)
class DatasetFacts:
    """What a run says of the data that it learnt from; `rows` counts the whole dataset."""

    id: str
    name: str
    sha256: str
    rows: int


def log_run(
    mlflow: MlflowHttp,
    job: Job,
    dataset: DatasetFacts,
    result_folder: Path,
    *,
    check: Callable[[], None] = lambda: None,
) -> str:
    """Log parameters, metrics, their history, plots and warnings; the id of the run.

    `check` is called before each request and lets what it raises through. Raises NotReady while MLflow is away.
    """
    result = Result.read(result_folder)
    experiment = _experiment(mlflow, job.model)
    check()
    run = _find_run(mlflow, experiment, job.id) or _create_run(mlflow, experiment, job, result)
    run_id = str(run["info"]["run_id"])
    if run["info"]["status"] == "FINISHED":
        return run_id
    check()
    mlflow.post("runs/log-batch", {"run_id": run_id, **_batch(job, dataset, result)})
    check()
    mlflow.post("runs/log-inputs", {"run_id": run_id, "datasets": [_input(dataset)]})
    for name, content in _artifacts(result_folder, result):
        check()
        mlflow.put_artifact(f"{path_of(run['info']['artifact_uri'])}/{name}", content)
    check()
    mlflow.post("runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": _milliseconds(result.finished_at)})
    return run_id


def _experiment(mlflow: MlflowHttp, name: str) -> str:
    """The id of the experiment, made or taken out of the bin where that is needed."""
    try:
        found = mlflow.get("experiments/get-by-name", experiment_name=name)["experiment"]
    except MlflowRefused as refused:
        if refused.code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return _create_experiment(mlflow, name)
    if found["lifecycle_stage"] == "deleted":
        mlflow.post("experiments/restore", {"experiment_id": found["experiment_id"]})
    return str(found["experiment_id"])


def _create_experiment(mlflow: MlflowHttp, name: str) -> str:
    try:
        return str(mlflow.post("experiments/create", {"name": name})["experiment_id"])
    except MlflowRefused as refused:
        if refused.code != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(mlflow.get("experiments/get-by-name", experiment_name=name)["experiment"]["experiment_id"])


def _find_run(mlflow: MlflowHttp, experiment: str, job_id: str) -> dict[str, Any] | None:
    wanted = f"tags.`{JOB_TAG}` = '{job_id}'"
    found = mlflow.post("runs/search", {"experiment_ids": [experiment], "filter": wanted, "max_results": 1})
    runs = found.get("runs", [])
    return runs[0] if runs else None


def _create_run(mlflow: MlflowHttp, experiment: str, job: Job, result: Result) -> dict[str, Any]:
    tags = {JOB_TAG: job.id, "mlflow.user": job.created_by, "mlflow.source.name": "signet", "mlflow.source.type": "JOB"}
    started = job.started_at.timestamp() if job.started_at else result.finished_at
    name = f"{job.algorithm}-{job.id[:8]}"
    body = {"experiment_id": experiment, "run_name": name, "start_time": _milliseconds(started), "tags": _pairs(tags)}
    return dict(mlflow.post("runs/create", body)["run"])


def _batch(job: Job, dataset: DatasetFacts, result: Result) -> dict[str, Any]:
    at = _milliseconds(result.finished_at)
    metrics = [{"key": name, "value": value, "timestamp": at, "step": 0} for name, value in result.metrics.items()]
    for name in list(result.history)[:_MOST_SERIES]:
        points = result.history[name]
        metrics += [{"key": f"validation_{name}", "value": v, "timestamp": at, "step": step} for step, v in points]
    return {"metrics": metrics, "params": _pairs(_params(job, result)), "tags": _pairs(_tags(job, dataset, result))}


def _params(job: Job, result: Result) -> dict[str, Any]:
    return {"algorithm": job.algorithm, "target": job.target, **result.parameters}


def _tags(job: Job, dataset: DatasetFacts, result: Result) -> dict[str, Any]:
    facts = {"id": dataset.id, "name": dataset.name, "sha256": dataset.sha256, "rows": dataset.rows}
    return {
        **{f"signet.dataset.{key}": value for key, value in facts.items()},
        **{f"signet.version.{name}": version for name, version in result.versions.items()},
        "signet.model": job.model,
        "signet.algorithm": job.algorithm,
        "signet.task": result.task,
        "signet.seed": job.seed,
        "signet.bundle.digest": result.manifest["digest"],
        # MLflow's page shows this as the run's description.
        "mlflow.note.content": "\n".join(f"- {warning}" for warning in result.warnings) or "No warnings.",
    }


def _input(dataset: DatasetFacts) -> dict[str, Any]:
    source = json.dumps({"dataset_id": dataset.id, "sha256": dataset.sha256})
    profile = json.dumps({"num_rows": dataset.rows})
    described = {
        "name": dataset.name,
        "digest": dataset.sha256[:16],
        "source_type": "signet",
        "source": source,
        "profile": profile,
    }
    return {"dataset": described, "tags": _pairs({"mlflow.data.context": "training"})}


def _artifacts(folder: Path, result: Result) -> Iterator[tuple[str, bytes]]:
    yield "metrics.json", json.dumps(dict(result.metrics), indent=1).encode()
    yield "warnings.txt", "\n".join(result.warnings).encode()
    yield "training.json", (folder / RESULT_FILE).read_bytes()
    yield "plots/plots.json", (folder / "plots.json").read_bytes()
    for picture in sorted((folder / "plots").glob("*.png")):
        yield f"plots/{picture.name}", picture.read_bytes()


def _pairs(values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": str(value)[:_LONGEST_VALUE]} for key, value in values.items()]


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
