"""Runs in memory: the platform's own of three tasks, and one that a scientist logged by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

CURVE = [i / 20 for i in range(21)]
AT = "2026-11-23T12:00:{:02d}+00:00"


def run_id(number: int) -> str:
    return f"{number:032x}"


def run(number: int, experiment: str = "titanic", **more: Any) -> dict[str, Any]:
    """One run of the platform."""
    made = {
        "id": run_id(number),
        "name": f"xgboost-{number}",
        "experiment": experiment,
        "state": "succeeded",
        "created_by": "expert",
        "started_at": AT.format(number),
        "finished_at": AT.format(number + 9),
        "task": "binary",
        "job_id": f"j-{number}",
        "datasets": [{"name": "titanic", "digest": "ab" * 8, "id": "d-1"}],
        "params": {"algorithm": "xgboost", "target": "survived", "seed": "0", "max_depth": "6", "learning_rate": "0.1"},
        "metrics": {
            "roc_auc": 0.87,
            "accuracy": 0.82,
            "log_loss": 0.43,
            "test_rows": 179.0,
            "validation_logloss": 0.41,
        },
        "curves": ["validation_logloss"],
        "tags": {},
        "note": "No warnings.",
        "version": {"model": experiment, "version": str(number), "aliases": ["champion"] if number == 1 else []},
        "url": f"http://127.0.0.1:5000/#/experiments/1/runs/{run_id(number)}",
    }
    return {**made, **more}


BY_HAND = run(
    9,
    "titanic by hand",
    name="mlp",
    state="failed",
    created_by="sofia",
    task=None,
    job_id=None,
    version=None,
    datasets=[{"name": "titanic", "digest": "feedbeef", "id": None}],
    params={"width": "64", "learning_rate": "0.01"},
    metrics={"val/accuracy": 0.85, "val/odd": None},
    curves=["val/accuracy"],
    tags={"idea": "wider"},
)
DEEPER = run(
    2,
    params={**run(2)["params"], "max_depth": "9", "learning_rate": "0.3"},
    metrics={**run(2)["metrics"], "roc_auc": 0.9, "log_loss": 0.45},
)


def lines(name: str, *classes: str) -> dict[str, Any]:
    series = [{"name": each, "x": CURVE, "y": [x**0.35 for x in CURVE], "area": 0.87} for each in classes]
    return {"name": name, "title": name.upper(), "form": "lines", "x_label": "x", "y_label": "y", "series": series}


def points(name: str) -> dict[str, Any]:
    series = [{"name": "rows", "x": CURVE, "y": [0.5 - x for x in CURVE]}]
    return {"name": name, "title": name, "form": "points", "x_label": "x", "y_label": "y", "series": series}


IMPORTANCE = {
    "name": "feature_importance", "title": "What the model goes by", "form": "bars", "x_label": "share", "y_label": "column",
    "series": [{"name": "importance", "x": [0.6, 0.4], "y": ["sex", "age"]}],
}  # fmt: skip


def matrix(*labels: str) -> dict[str, Any]:
    counts = [[9 if row == column else 1 for column in range(len(labels))] for row in range(len(labels))]
    axes = {"x_label": "prediction", "y_label": "truth", "series": []}
    return {
        "name": "confusion_matrix",
        "title": "Truth and prediction",
        "form": "matrix",
        "labels": list(labels),
        "counts": counts,
    } | axes


EVALUATIONS: dict[str, list[dict[str, Any]]] = {
    "binary": [matrix("0", "1"), lines("roc", "1"), lines("pr", "1"), IMPORTANCE],
    "multiclass": [matrix("ant", "bee", "cat"), lines("roc", "ant", "bee", "cat"), lines("pr", "ant", "bee", "cat")],
    "regression": [points("predicted_vs_actual"), points("residuals"), IMPORTANCE],
}


@dataclass
class Logged:
    """The runs that there are, newest first, and which questions were put about them."""

    runs: list[dict[str, Any]] = field(default_factory=lambda: [BY_HAND, DEEPER, run(1)])
    asked: list[dict[str, str]] = field(default_factory=list)

    def find(self, query: dict[str, str]) -> dict[str, Any]:
        self.asked.append(query)
        metric, by = query.get("metric"), query.get("by_metric")
        fitting = [
            each
            for each in self.runs
            if query.get("experiment") in {None, each["experiment"]}
            and query.get("state") in {None, each["state"]}
            and (query.get("dataset") is None or query["dataset"] in {data["name"] for data in each["datasets"]})
            and (
                metric is None or "at_least" not in query or each["metrics"].get(metric, -1) >= float(query["at_least"])
            )
        ]
        if by is not None:
            sign = 1 if query.get("smallest_first") else -1
            fitting.sort(key=lambda each: sign * each["metrics"].get(by, -sign * 1e9))
        limit = int(query.get("limit", 100))
        return {"items": fitting[:limit], "more": len(fitting) > limit}

    def one(self, wanted: str) -> dict[str, Any] | None:
        return next((each for each in self.runs if each["id"] == wanted), None)


def list_experiments(stub: Any, request: httpx.Request) -> httpx.Response:
    names = sorted({each["experiment"] for each in stub.logged.runs})
    return httpx.Response(200, json={"items": [{"name": name} for name in names]})


def list_runs(stub: Any, request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=stub.logged.find(dict(request.url.params)))


def read_run(stub: Any, request: httpx.Request, wanted: str) -> httpx.Response:
    found = stub.logged.one(wanted)
    return httpx.Response(200, json=found) if found else _gone()


def read_plots(stub: Any, request: httpx.Request, wanted: str) -> httpx.Response:
    found = stub.logged.one(wanted)
    if found is None:
        return _gone()
    plots = EVALUATIONS.get(found["task"] or "", [])
    return httpx.Response(200, json={"plots": plots, "problem": None if plots else "This run kept no evaluation."})


def read_curves(stub: Any, request: httpx.Request) -> httpx.Response:
    query = dict(request.url.params)
    runs = [stub.logged.one(each) for each in query["runs"].split(",")]
    items = [
        {"run_id": each["id"], "steps": [1, 2, 3], "values": [0.7, 0.4, None if each["id"] == run_id(1) else 0.5]}
        for each in runs
        if each and query["metric"] in each["curves"]
    ]
    return httpx.Response(200, json={"metric": query["metric"], "items": items})


def _gone() -> httpx.Response:
    return httpx.Response(404, json={"code": "not-found", "detail": "There is no such run."})


RUN_ROUTES: dict[str, Callable[..., httpx.Response]] = {
    "GET /v1/experiments": list_experiments,
    "GET /v1/runs": list_runs,
    "GET /v1/runs/([^/]+)": read_run,
    "GET /v1/runs/([^/]+)/plots": read_plots,
    "GET /v1/metric-curves": read_curves,
}
