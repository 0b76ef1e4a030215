"""Runs to compare, over a real MLflow: the platform's own, those logged by hand, and what either keeps of its evaluation."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.database import db
from backend.registry.known_aliases import write_known_aliases
from backend.registry.mlflow_token import read_service_token
from backend.registry.tables import ModelVersion
from backend.settings import Settings
from backend.training.mlflow_http import MlflowHttp
from backend.training.plots import quality_plots
from backend.training.tracking import DatasetFacts, log_run
from tests.conftest import Person
from tests.mlflow_server import Mlflow
from tests.trained import make_job, make_result
from tests.training.test_evaluate import BINARY

pytestmark = pytest.mark.mlflow
ROUTES = ("/v1/experiments", "/v1/runs", f"/v1/runs/{'0' * 32}", f"/v1/runs/{'0' * 32}/plots", "/v1/metric-curves")


@pytest.fixture
def settings(mlflow_settings: Settings) -> Settings:
    return mlflow_settings


@pytest.fixture
def mlflow_http(mlflow: Mlflow) -> Iterator[MlflowHttp]:
    with closing(MlflowHttp(mlflow.url, lambda: read_service_token(mlflow.settings))) as client:
        yield client


@dataclass
class Scientist:
    """Somebody who logs runs by hand, in an experiment of their own."""

    http: MlflowHttp
    name: str
    experiment: str

    def log(
        self,
        name: str,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        dataset: str = "",
        status: str = "FINISHED",
        at: int = 1_000_000,
    ) -> str:
        tags = [{"key": "mlflow.user", "value": "sofia"}, {"key": "idea", "value": "wider"}]
        body = {"experiment_id": self.experiment, "run_name": name, "start_time": at, "tags": tags}
        run_id = str(self.http.post("runs/create", body)["run"]["info"]["run_id"])
        values = [{"key": key, "value": value, "timestamp": at, "step": 0} for key, value in (metrics or {}).items()]
        chosen = [{"key": key, "value": str(value)} for key, value in (params or {}).items()]
        self.http.post("runs/log-batch", {"run_id": run_id, "metrics": values, "params": chosen})
        if dataset:
            told = {"name": dataset, "digest": "0a1b2c", "source_type": "local", "source": "here"}
            self.http.post("runs/log-inputs", {"run_id": run_id, "datasets": [{"dataset": told}]})
        if status != "RUNNING":
            self.http.post("runs/update", {"run_id": run_id, "status": status, "end_time": at + 2500})
        return run_id

    def keep(self, run_id: str, content: bytes) -> None:
        """A file of plots beside the run."""
        root = str(self.http.get("runs/get", run_id=run_id)["run"]["info"]["artifact_uri"])
        self.http.put_artifact(f"{root.removeprefix('mlflow-artifacts:/')}/plots/plots.json", content)


@pytest.fixture
def sofia(mlflow_http: MlflowHttp, model_name: str) -> Scientist:
    name = f"{model_name}'s"
    return Scientist(mlflow_http, name, str(mlflow_http.post("experiments/create", {"name": name})["experiment_id"]))


@pytest.fixture
def ours(mlflow_http: MlflowHttp, model_name: str, tmp_path: Path, http: FlaskClient) -> str:
    """A run that the platform trained, and the version that it became."""
    folder, job = make_result(tmp_path / "result", "binary"), make_job(model_name)
    result = json.loads((folder / "result.json").read_text())
    result["history"] = {"logloss": [[step, 1 / step] for step in range(1, 181)]}
    (folder / "result.json").write_text(json.dumps(result))
    (folder / "plots").mkdir()
    (folder / "plots.json").write_text(json.dumps(quality_plots(BINARY)))
    run_id = log_run(mlflow_http, job, DatasetFacts(job.dataset_id, "kinds.csv", "ab" * 32, 90), folder)
    row = ModelVersion(
        model=model_name, version=3, job_id=job.id, run_id=run_id, dataset_id=job.dataset_id, algorithm="xgboost",
        task="binary", digest="0" * 64, manifest={}, artifact_path="x", signature={}, metrics={}, created_by="ada",
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    return run_id


def listed(person: Person, **query: Any) -> dict[str, Any]:
    answer = person.get("/v1/runs", query_string=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def names(person: Person, **query: Any) -> list[str]:
    return [run["name"] for run in listed(person, **query)["items"]]


def test_a_run_of_the_platform_says_what_it_learnt_from_and_what_it_became(
    expert: Person, settings: Settings, ours: str, model_name: str
) -> None:
    write_known_aliases(settings, {model_name: {"champion": 3, "old": 1}})
    (run,) = listed(expert, experiment=model_name)["items"]
    assert run == expert.get(f"/v1/runs/{ours}").get_json()
    assert (run["id"], run["experiment"], run["state"]) == (ours, model_name, "succeeded")
    assert (run["task"], run["created_by"], run["curves"]) == ("binary", "ada", ["validation_logloss"])
    assert run["version"] == {"model": model_name, "version": "3", "aliases": ["champion"]}
    assert (run["params"]["algorithm"], run["params"]["n_estimators"]) == ("xgboost", "5")
    assert run["metrics"]["accuracy"] == 0.9
    assert [(each["name"], each["digest"]) for each in run["datasets"]] == [("kinds.csv", "ab" * 8)]
    assert run["datasets"][0]["id"]
    assert run["job_id"]
    assert run["tags"] == {}
    assert f"/runs/{ours}" in run["url"]
    assert run["url"].startswith(settings.mlflow)


def test_a_run_that_somebody_logged_by_hand_shows_what_it_has(scientist: Person, sofia: Scientist) -> None:
    run_id = sofia.log("first", params={"depth": 3}, metrics={"val/acc": 0.5}, dataset="mine", at=1_795_435_200_000)
    (run,) = listed(scientist, experiment=sofia.name)["items"]
    assert (run["id"], run["name"], run["created_by"]) == (run_id, "first", "sofia")
    assert (run["params"], run["metrics"], run["tags"]) == ({"depth": "3"}, {"val/acc": 0.5}, {"idea": "wider"})
    assert (run["task"], run["job_id"], run["version"]) == (None, None, None)
    assert run["datasets"] == [{"name": "mine", "digest": "0a1b2c", "id": None}]
    assert (run["started_at"], run["finished_at"]) == ("2026-11-23T12:00:00Z", "2026-11-23T12:00:02.500000Z")
    assert sofia.name in {each["name"] for each in scientist.get("/v1/experiments").get_json()["items"]}


def test_runs_are_filtered_by_dataset_state_and_bounds_of_a_metric(expert: Person, sofia: Scientist) -> None:
    sofia.log("low", metrics={"my loss": -0.25}, dataset="a", at=3)
    sofia.log("high", metrics={"my loss": 1e-7}, dataset="it's \\ a%_b", at=2)
    sofia.log("gone", status="KILLED", dataset="it_s", at=1)
    every = {"experiment": sofia.name}
    assert names(expert, **every) == ["low", "high", "gone"]
    assert names(expert, **every, dataset="a") == ["low"]
    assert names(expert, **every, dataset="it's \\ a%_b") == ["high"]
    assert names(expert, **every, dataset="it's") == []
    assert names(expert, **every, state="cancelled") == ["gone"]
    assert names(expert, **every, state="succeeded") == ["low", "high"]
    assert names(expert, **every, metric="my loss", at_least=-0.25) == ["low", "high"]
    assert names(expert, **every, metric="my loss", at_least=-0.2499) == ["high"]
    assert names(expert, **every, metric="my loss", at_most=0) == ["low"]
    assert names(expert, **every, metric="my loss", at_least=5e-8, at_most=2e-7) == ["high"]
    assert names(expert, experiment="nobody's") == []


def test_the_best_come_first_and_a_cut_is_told(expert: Person, sofia: Scientist) -> None:
    for name, value, at in (("b", 0.2, 1), ("c", 0.3, 2), ("a", 0.1, 3)):
        sofia.log(name, metrics={"val/f1:x": value}, at=at)
    sofia.log("none", at=4)
    asked = {"experiment": sofia.name, "by_metric": "val/f1:x"}
    assert names(expert, **asked) == ["c", "b", "a", "none"]
    assert names(expert, **asked, smallest_first="true") == ["a", "b", "c", "none"]
    cut = listed(expert, **asked, limit=2)
    assert ([run["name"] for run in cut["items"]], cut["more"]) == (["c", "b"], True)
    assert listed(expert, **asked, limit=4)["more"] is False


def test_numbers_that_json_cannot_hold_are_null(expert: Person, sofia: Scientist) -> None:
    run_id = sofia.log("wild")
    for step, value in enumerate(("NaN", "Infinity", "-Infinity", "0.5")):
        sofia.http.post(
            "runs/log-metric", {"run_id": run_id, "key": "wild", "value": value, "timestamp": 1, "step": step}
        )
    sofia.http.post("runs/log-metric", {"run_id": run_id, "key": "never", "value": "NaN", "timestamp": 1, "step": 0})
    run = expert.get(f"/v1/runs/{run_id}").get_json()
    assert run["metrics"] == {"wild": 0.5, "never": None}
    assert run["curves"] == ["wild"]
    curves = expert.get("/v1/metric-curves", query_string={"runs": run_id, "metric": "wild"}).get_json()
    assert curves["items"] == [{"run_id": run_id, "steps": [0, 1, 2, 3], "values": [None, None, None, 0.5]}]


def test_curves_come_for_several_runs_at_once_and_are_thinned(expert: Person, sofia: Scientist, ours: str) -> None:
    long, without = sofia.log("long"), sofia.log("without")
    for start in (0, 1000):
        points = [
            {"key": "validation_logloss", "value": math.exp(-step / 500), "timestamp": step, "step": step}
            for step in range(start, start + 1000)
        ]
        sofia.http.post("runs/log-batch", {"run_id": long, "metrics": points})
    query = {"runs": ",".join([long, ours, without, long]), "metric": "validation_logloss"}
    answer = expert.get("/v1/metric-curves", query_string=query).get_json()
    curves = {each["run_id"]: each for each in answer["items"]}
    assert set(curves) == {long, ours}
    assert len(curves[ours]["steps"]) == 180
    assert len(curves[long]["steps"]) <= 200
    assert (curves[long]["steps"][0], curves[long]["steps"][-1]) == (0, 1999)
    assert curves[long]["values"][-1] == pytest.approx(math.exp(-1999 / 500))


def test_the_evaluation_is_what_training_kept(expert: Person, ours: str) -> None:
    answer = expert.get(f"/v1/runs/{ours}/plots").get_json()
    assert answer == {"plots": quality_plots(BINARY), "problem": None}


PLOT = {"name": "roc", "title": "ROC", "form": "lines", "x_label": "x", "y_label": "y", "series": []}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "kept no evaluation"),
        (b"{", "not in the form"),
        (b"[1]", "not in the form"),
        (json.dumps([{**PLOT, "series": [{"name": "a", "x": [0], "y": [0, 1]}]}]).encode(), "not in the form"),
        (json.dumps([{**PLOT, "series": [{"name": "a", "x": [math.nan], "y": [1]}]}]).encode(), "not in the form"),
        (json.dumps([{**PLOT, "form": "matrix", "labels": ["a"], "counts": [[1, 2]]}]).encode(), "not in the form"),
        (json.dumps([{**PLOT, "form": "page", "series": [{"name": "a", "x": [], "y": []}]}]).encode(), "not in the form"),
        (b" " * (2 * 1024 * 1024 + 1), "larger than 2 MB"),
    ],
    ids=["none", "no json", "no plot", "ragged", "nan", "no square", "unknown form", "large"],
)  # fmt: skip
def test_a_run_without_an_evaluation_that_can_be_drawn_says_why(
    expert: Person, sofia: Scientist, content: bytes | None, said: str
) -> None:
    run_id = sofia.log("by hand")
    if content is not None:
        sofia.keep(run_id, content)
    answer = expert.get(f"/v1/runs/{run_id}/plots")
    assert answer.status_code == 200
    assert answer.get_json()["plots"] == []
    assert said in answer.get_json()["problem"]


def test_a_scientist_may_keep_an_evaluation_of_their_own(expert: Person, sofia: Scientist) -> None:
    run_id = sofia.log("by hand")
    good = {**PLOT, "series": [{"name": "a", "x": [0, 1], "y": [0.5, 1], "extra": "x"}], "script": "alert(1)"}
    sofia.keep(run_id, json.dumps([good]).encode())
    (plot,) = expert.get(f"/v1/runs/{run_id}/plots").get_json()["plots"]
    assert plot == {**PLOT, "series": [{"name": "a", "x": [0, 1], "y": [0.5, 1]}]}


def test_files_that_are_kept_elsewhere_are_not_asked_for(
    expert: Person, mlflow_http: MlflowHttp, model_name: str
) -> None:
    body = {"name": f"{model_name}-away", "artifact_location": "s3://bucket/away"}
    away = Scientist(mlflow_http, body["name"], str(mlflow_http.post("experiments/create", body)["experiment_id"]))
    answer = expert.get(f"/v1/runs/{away.log('away')}/plots").get_json()
    assert "elsewhere" in answer["problem"]


def test_what_is_not_there_is_404(expert: Person, sofia: Scientist) -> None:
    deleted = sofia.log("deleted")
    sofia.http.post("runs/delete", {"run_id": deleted})
    for run_id in (deleted, "0" * 32, "x", "..", "a b", "%2e"):
        for path in (f"/v1/runs/{run_id}", f"/v1/runs/{run_id}/plots"):
            assert expert.get(path).status_code == 404, path
    gone = expert.get("/v1/metric-curves", query_string={"runs": "0" * 32, "metric": "a"})
    assert gone.get_json() == {"metric": "a", "items": []}
    assert names(expert, experiment=sofia.name) == []


@pytest.mark.parametrize(
    "query",
    [
        "metric=a%60b&at_least=0", "by_metric=a'b", "at_least=nan", "limit=0", "limit=1001", "state=done", "dataset=", "metric=a%0A",
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused_by_name(expert: Person, query: str) -> None:
    answer = expert.get(f"/v1/runs?{query}")
    assert answer.status_code == 422
    assert answer.get_json()["problems"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("runs", ["", "x", "0" * 31, ",".join(["0" * 32] * 11), "0" * 32 + ","])
def test_curves_are_of_one_to_ten_runs(expert: Person, runs: str) -> None:
    assert expert.get("/v1/metric-curves", query_string={"runs": runs, "metric": "a"}).status_code == 422


def test_those_who_train_see_runs_and_others_do_not(
    http: FlaskClient, manager: Person, admin: Person, expert: Person, scientist: Person
) -> None:
    for path in ROUTES:
        assert http.get(path).status_code == 401
        assert manager.get(path).status_code == 403
    for person in (admin, expert, scientist):
        assert person.get("/v1/runs").status_code == 200


@pytest.fixture
def away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(Settings, "mlflow", property(lambda _: "http://127.0.0.1:9"))


def test_while_mlflow_is_away_the_answer_says_so(expert: Person, away: Callable[[], None]) -> None:
    away()
    for path in ("/v1/experiments", "/v1/runs", f"/v1/runs/{'0' * 32}", f"/v1/runs/{'0' * 32}/plots"):
        answer = expert.get(path)
        assert answer.status_code == 503
        assert "MLflow does not answer" in answer.get_json()["detail"]


STRANGE = [
    "'",
    "\\",
    "''",
    '"',
    "`",
    "a;b",
    "--",
    "/*",
    "*/",
    "\n",
    "\x01",
    "%",
    "_",
    "(",
    ")",
    "$$",
    "😀",
    " and ",
    "a' or 'b",
    "' = '",
    "#",
]


def test_whatever_a_dataset_is_called_it_can_be_asked_for(expert: Person, sofia: Scientist) -> None:
    for at, name in enumerate(STRANGE):
        sofia.log(f"run {at}", dataset=f"<{name}>")
    for at, name in enumerate(STRANGE):
        assert names(expert, experiment=sofia.name, dataset=f"<{name}>") == [f"run {at}"], name
        assert names(expert, experiment=sofia.name, dataset=name) == [], name


@pytest.mark.parametrize("metric", ["a b", "a/b", "a-b.c_d:e", "größe", "1", "and", "metrics.a", " ", "--", "//"])
def test_whatever_a_metric_is_called_it_can_be_asked_for(expert: Person, sofia: Scientist, metric: str) -> None:
    asked = {"experiment": sofia.name, "metric": metric, "by_metric": metric, "at_least": -1e300, "at_most": 1e300}
    assert listed(expert, **asked)["items"] == []
    curves = expert.get("/v1/metric-curves", query_string={"runs": "0" * 32, "metric": metric})
    assert curves.status_code == 200
