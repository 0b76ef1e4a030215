"""A job's result becomes a version exactly once, whatever happens in between."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from backend.algorithms.bundle import read_bundle
from backend.algorithms.encoding import encode_rows
from backend.algorithms.manifest import Manifest
from backend.algorithms.signature import Task
from backend.database import db
from backend.errors import Conflict, DigestMismatch, NotReady
from backend.registry import registration
from backend.registry.mlflow_rest import MlflowRest
from backend.registry.registration import JOB_TAG, register
from backend.registry.tables import ModelVersion
from backend.settings import Settings
from tests.trained import EXAMPLE, make_job, make_result

pytestmark = [pytest.mark.mlflow, pytest.mark.usefixtures("app")]


@pytest.fixture
def mlflow_rest(settings: Settings) -> Iterator[MlflowRest]:
    rest = MlflowRest(settings)
    yield rest
    rest.close()


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return make_result(tmp_path / "result")


def test_a_version_is_recorded_and_the_first_is_champion(
    settings: Settings, mlflow_rest: MlflowRest, model_name: str, run_id: str, result: Path, tmp_path: Path
) -> None:
    job = make_job(model_name)
    first = register(settings, job=job, run_id=run_id, result_folder=result)
    assert (first.model, first.version, first.job_id, first.run_id) == (model_name, 1, job.id, run_id)
    assert first.digest == json.loads((result / "result.json").read_text())["manifest"]["digest"]
    assert (first.task, first.algorithm, first.created_by) == ("multiclass", "xgboost", "ada")
    assert first.metrics["accuracy"] == 0.9
    assert first.signature["example"] == EXAMPLE
    assert mlflow_rest.aliases()[model_name] == {"champion": 1}

    later = make_result(tmp_path / "later", seed=1)
    second = register(settings, job=make_job(model_name), run_id=run_id, result_folder=later)
    assert second.version == 2
    assert second.digest != first.digest
    assert mlflow_rest.aliases()[model_name] == {"champion": 1}, "only a person promotes"


def test_registering_again_changes_nothing(
    settings: Settings, mlflow_rest: MlflowRest, model_name: str, run_id: str, result: Path
) -> None:
    job = make_job(model_name)
    first = register(settings, job=job, run_id=run_id, result_folder=result)
    mlflow_rest.delete_alias(model_name, "champion")
    mlflow_rest.set_alias(model_name, "champion", 1)
    again = register(settings, job=job, run_id=run_id, result_folder=result)
    assert (again.version, again.digest) == (first.version, first.digest)
    assert mlflow_rest.find_versions(model_name, JOB_TAG, job.id) == [1]


class Killed(BaseException):
    """The worker is gone; nothing of ours catches this."""


STEPS = [
    "artifact_root",
    "ensure_model",
    "find_versions",
    "put_file",
    "create_version",
    "insert",
    "find_versions:2",
    "aliases",
    "set_alias",
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_leaves_one_version(
    settings: Settings,
    mlflow_rest: MlflowRest,
    model_name: str,
    run_id: str,
    result: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    when: str,
) -> None:
    job = make_job(model_name)
    name, _, nth = step.partition(":")
    owner: Any = registration if name == "insert" else MlflowRest
    attribute = "_insert" if name == "insert" else name
    with monkeypatch.context() as patched:
        patched.setattr(owner, attribute, _killing(getattr(owner, attribute), int(nth or 1), when))
        with pytest.raises(Killed):
            register(settings, job=job, run_id=run_id, result_folder=result)
    db.session.rollback()
    version = register(settings, job=job, run_id=run_id, result_folder=result)
    assert version.version == 1
    assert mlflow_rest.find_versions(model_name, JOB_TAG, job.id) == [1]
    assert mlflow_rest.aliases()[model_name] == {"champion": 1}
    assert len(db.session.scalars(select(ModelVersion).where(ModelVersion.job_id == job.id)).all()) == 1


def _killing(act: Callable[..., Any], nth: int, when: str) -> Callable[..., Any]:
    calls = 0

    def call(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and when == "before":
            raise Killed
        done = act(*args, **more)
        if calls == nth:
            raise Killed
        return done

    return call


def test_two_workers_with_the_same_job_leave_one_version(
    settings: Settings,
    app: Flask,
    mlflow_rest: MlflowRest,
    model_name: str,
    run_id: str,
    result: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(model_name)
    job_id = job.id
    create = MlflowRest.create_version

    def overtaken(rest: MlflowRest, *args: Any) -> int:
        """Another worker does all of it between this one's look and its act."""
        monkeypatch.setattr(MlflowRest, "create_version", create)
        with app.app_context():
            again = db.session.get(type(job), job_id)
            assert again is not None
            assert register(settings, job=again, run_id=run_id, result_folder=result).version == 1
        return create(rest, *args)

    monkeypatch.setattr(MlflowRest, "create_version", overtaken)
    version = register(settings, job=job, run_id=run_id, result_folder=result)
    assert version.version == 1
    assert mlflow_rest.find_versions(model_name, JOB_TAG, job_id) == [1]
    assert mlflow_rest.aliases()[model_name] == {"champion": 1}


def test_a_result_that_changed_after_training_is_refused(
    settings: Settings, mlflow_rest: MlflowRest, model_name: str, run_id: str, result: Path
) -> None:
    with (result / "bundle" / "model.ubj").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(DigestMismatch):
        register(settings, job=make_job(model_name), run_id=run_id, result_folder=result)
    assert model_name not in mlflow_rest.aliases()


def test_a_number_that_mlflow_gives_twice_is_no_silent_overwrite(
    settings: Settings, mlflow_rest: MlflowRest, model_name: str, run_id: str, result: Path
) -> None:
    first = register(settings, job=make_job(model_name), run_id=run_id, result_folder=result)
    digest = first.digest
    mlflow_rest._call("DELETE", "registered-models/delete", {"name": model_name})
    with pytest.raises(Conflict, match="another model name"):
        register(settings, job=make_job(model_name), run_id=run_id, result_folder=result)
    assert db.session.scalars(select(ModelVersion.digest).where(ModelVersion.model == model_name)).all() == [digest]


def test_without_mlflow_it_is_not_ready_and_nothing_is_recorded(
    settings: Settings, model_name: str, run_id: str, result: Path
) -> None:
    nowhere = Settings(home=settings.home, mlflow_url="http://127.0.0.1:9")
    with pytest.raises(NotReady, match="does not answer"):
        register(nowhere, job=make_job(model_name), run_id=run_id, result_folder=result)
    assert db.session.scalars(select(ModelVersion)).all() == []


LOAD = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow, pandas as pd
assert "backend" not in sys.modules
told = []
for uri in sys.argv[2:]:
    model = mlflow.pyfunc.load_model(uri)
    frame = pd.DataFrame(json.loads(sys.argv[1]))
    answer = {"labels": model.predict(frame).iloc[:, 0].tolist()}
    if model.metadata.get_params_schema():
        answer["shares"] = model.predict(frame, params={"probabilities": True}).to_numpy().tolist()
    answer["input"] = [column["name"] for column in model.metadata.get_input_schema().to_dict()]
    answer["example"] = model.predict(model.input_example).iloc[:, 0].tolist()
    told.append(answer)
assert sys.modules["backend"].__file__.endswith("/code/backend/__init__.py"), "it must use its own copy"
print(json.dumps(told))
"""


def test_plain_mlflow_loads_versions_without_the_platform(
    settings: Settings, model_name: str, run_ids: Callable[[], str], tmp_path: Path
) -> None:
    tasks: tuple[Task, ...] = ("multiclass", "binary", "regression")
    rows = [EXAMPLE, {**EXAMPLE, "size": 1.5, "colour": "blue", "age": 0.5}]
    uris, expected = [], []
    for task in tasks:
        result = make_result(tmp_path / task, task)
        version = register(settings, job=make_job(f"{model_name}-{task}"), run_id=run_ids(), result_folder=result)
        uris.append(f"models:/{version.model}@champion")
        expected.append(predicted(result, Manifest.from_json(version.manifest), rows))
    environment = {
        "PATH": "",
        "HOME": str(tmp_path),
        "MLFLOW_TRACKING_URI": settings.mlflow,
        "MLFLOW_TRACKING_TOKEN": (settings.certs / "mlflow-token").read_text(),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [sys.executable, "-c", LOAD, json.dumps(rows), *uris]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    for answer, (labels, shares) in zip(json.loads(ran.stdout), expected, strict=True):
        assert answer["labels"] == labels
        assert answer.get("shares") == shares
        assert answer["example"] == labels[:1]
        assert answer["input"] == list(EXAMPLE)


def predicted(result: Path, manifest: Manifest, rows: list[dict[str, Any]]) -> tuple[list[Any], list[Any] | None]:
    """Labels and probabilities of the bundle itself."""
    algorithm, signature = read_bundle(result / "bundle", manifest)
    matrix = encode_rows(signature.columns, rows)
    values = algorithm.predict(matrix).tolist()
    if signature.task == "regression":
        return values, None
    return [signature.classes[code] for code in values], algorithm.predict_proba(matrix).tolist()
