"""The run of a finished training in a real MLflow."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.database import now
from backend.errors import NotReady
from backend.registry.mlflow_token import read_service_token
from backend.training.mlflow_http import MlflowHttp, MlflowRefused
from backend.training.spec import Result
from backend.training.tables import Job
from backend.training.tracking import JOB_TAG, DatasetFacts, log_run
from tests.mlflow_server import Mlflow
from tests.trained import make_result

pytestmark = pytest.mark.mlflow

DATASET = DatasetFacts("d1", "kinds.csv", "ab" * 32, 90)
HISTORY = {"mlogloss": tuple((step, 1 / step) for step in range(1, 201))}


@pytest.fixture
def http(mlflow: Mlflow) -> Iterator[MlflowHttp]:
    with closing(MlflowHttp(mlflow.url, lambda: read_service_token(mlflow.settings))) as client:
        yield client


@pytest.fixture
def job(model_name: str) -> Job:
    return Job(
        id=f"job-of-{model_name}",
        model=model_name,
        target="kind",
        algorithm="xgboost",
        seed=0,
        created_by="ada",
        started_at=now(),
    )


@pytest.fixture
def result(tmp_path: Path) -> Path:
    folder = make_result(tmp_path / "result")
    replace(Result.read(folder), history=HISTORY, warnings=("One thing.", "Another.")).write(folder)
    (folder / "plots").mkdir()
    (folder / "plots" / "roc.png").write_bytes(b"\x89PNG")
    (folder / "plots.json").write_text('[{"name": "roc"}]', "utf-8")
    return folder


def get_run(http: MlflowHttp, run_id: str) -> dict[str, Any]:
    return dict(http.get("runs/get", run_id=run_id)["run"])


def as_dict(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: pair["value"] for pair in pairs}


def test_a_run_says_what_was_trained_on_what_and_how_well(
    mlflow: Mlflow, http: MlflowHttp, job: Job, result: Path
) -> None:
    run_id = log_run(http, job, DATASET, result)

    run = get_run(http, run_id)
    assert run["info"]["status"] == "FINISHED"
    assert http.get("experiments/get", experiment_id=run["info"]["experiment_id"])["experiment"]["name"] == job.model
    params, metrics, tags = (as_dict(run["data"][kind]) for kind in ("params", "metrics", "tags"))
    assert params["n_estimators"] == "5"
    assert (params["algorithm"], params["target"], params["seed"]) == ("xgboost", "kind", "0")
    assert metrics["accuracy"] == 0.9
    assert metrics["validation_mlogloss"] == pytest.approx(1 / 200)
    assert tags[JOB_TAG] == job.id
    assert (tags["signet.dataset.id"], tags["signet.dataset.sha256"], tags["signet.dataset.rows"]) == (
        "d1",
        "ab" * 32,
        "90",
    )
    assert tags["signet.version.python"] == "3.11.7"
    assert tags["mlflow.note.content"] == "- One thing.\n- Another."
    assert run["inputs"]["dataset_inputs"][0]["dataset"]["name"] == "kinds.csv"
    history = http.get("metrics/get-history", run_id=run_id, metric_key="validation_mlogloss")["metrics"]
    assert [point["step"] for point in history] == list(range(1, 201))
    assert artifact(mlflow, run, "warnings.txt") == b"One thing.\nAnother."
    assert json.loads(artifact(mlflow, run, "metrics.json"))["accuracy"] == 0.9
    assert json.loads(artifact(mlflow, run, "plots/plots.json")) == [{"name": "roc"}]
    assert artifact(mlflow, run, "plots/roc.png") == b"\x89PNG"


def artifact(mlflow: Mlflow, run: dict[str, Any], name: str) -> bytes:
    root = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/").strip("/")
    url = f"{mlflow.url}/api/2.0/mlflow-artifacts/artifacts/{root}/{name}"
    return httpx.get(url, headers=mlflow.headers()).raise_for_status().content


def test_whenever_it_is_interrupted_there_is_one_run_and_nothing_double(
    http: MlflowHttp, job: Job, result: Path
) -> None:
    class Killed(Exception):
        pass

    def killer(after: int) -> Callable[[], None]:
        left = iter(range(after))

        def check() -> None:
            if next(left, None) is None:
                raise Killed

        return check

    interrupted = 0
    while True:
        try:
            run_id = log_run(http, job, DATASET, result, check=killer(interrupted))
            break
        except Killed:
            interrupted += 1

    assert interrupted >= 8
    assert log_run(http, job, DATASET, result) == run_id
    experiment = get_run(http, run_id)["info"]["experiment_id"]
    assert len(http.post("runs/search", {"experiment_ids": [experiment]})["runs"]) == 1
    history = http.get("metrics/get-history", run_id=run_id, metric_key="validation_mlogloss")["metrics"]
    assert len(history) == 200
    assert len(http.get("metrics/get-history", run_id=run_id, metric_key="accuracy")["metrics"]) == 1


def test_a_deleted_experiment_is_taken_out_of_the_bin(http: MlflowHttp, job: Job, result: Path) -> None:
    experiment = http.post("experiments/create", {"name": job.model})["experiment_id"]
    http.post("experiments/delete", {"experiment_id": experiment})

    run_id = log_run(http, job, DATASET, result)

    assert get_run(http, run_id)["info"]["experiment_id"] == experiment


def test_a_refusal_is_told_from_absence(http: MlflowHttp) -> None:
    with pytest.raises(MlflowRefused) as refused:
        http.get("runs/get", run_id="nothing")
    assert refused.value.code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize("token", ["a wrong token", ""])
def test_an_operators_fault_is_absence_because_it_passes(mlflow: Mlflow, token: str) -> None:
    with closing(MlflowHttp(mlflow.url, lambda: token)) as http, pytest.raises(NotReady):
        http.get("runs/get", run_id="nothing")


def test_nobody_there_is_absence() -> None:
    with closing(MlflowHttp("http://127.0.0.1:9", lambda: "token")) as http, pytest.raises(NotReady):
        http.get("runs/get", run_id="nothing")


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def tired() -> Iterator[str]:
    """The address of a server that closes each connection at its second request, without a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(ANSWER)
                        connection.recv(65536)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_connection_that_ends_as_it_is_used_again_costs_a_reader_nothing(tired: str) -> None:
    with closing(MlflowHttp(tired, lambda: "token")) as http:
        assert [http.get("experiments/search") for _ in range(3)] == [{}, {}, {}]
        with pytest.raises(NotReady):
            http.post("runs/create", {})
