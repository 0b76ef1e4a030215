"""A platform in memory that speaks the HTTP contract: what the web app is tested against where no real one is needed."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.frontend.stub_people import PASSWORD, PEOPLE_ROUTES, People
from tests.frontend.stub_runs import RUN_ROUTES, Logged
from tests.frontend.stub_traffic import TRAFFIC_ROUTES, Counted

EVERYTHING = [
    "datasets:read",
    "datasets:write",
    "jobs:read",
    "jobs:run",
    "models:read",
    "models:predict",
    "traffic:read",
]
PERMISSIONS = {
    "admin": [*EVERYTHING, "models:promote", "users:manage", "subscribers:manage", "audit:read"],
    "manager": ["models:read", "models:predict", "traffic:read", "subscribers:manage", "audit:read"],
    "scientist": [*EVERYTHING, "models:promote"],
    "expert": EVERYTHING,
}
WHEN = "2026-11-23T12:00:00+00:00"
TITANIC: dict[str, Any] = {
    "id": "d-1",
    "name": "titanic",
    "rows": 891,
    "bytes": 57018,
    "sha256": "ab" * 32,
    "source_format": "csv",
    "warnings": ["Column 'deck' is missing in 688 rows."],
    "created_by": "expert",
    "created_at": WHEN,
    "columns": [
        {"name": "survived", "type": "integer", "missing": 0, "distinct": 2, "min": 0, "max": 1, "mean": 0.38},
        {"name": "pclass", "type": "integer", "missing": 0, "distinct": 3, "min": 1, "max": 3, "mean": 2.31},
        {
            "name": "sex",
            "type": "category",
            "missing": 0,
            "distinct": 2,
            "top": [{"value": "male", "count": 577}, {"value": "female", "count": 314}],
        },
        {
            "name": "age",
            "type": "number",
            "missing": 177,
            "distinct": 88,
            "min": 0.42,
            "max": 80.0,
            "mean": 29.7,
            "histogram": {"edges": [0, 20, 40, 60, 80], "counts": [160, 380, 140, 34]},
        },
        {"name": "embarked", "type": "category", "missing": 2, "distinct": 3},
    ],
}
SIGNATURE = {
    "target": "survived",
    "columns": [
        {"name": "pclass", "kind": "integer", "missing": False},
        {"name": "sex", "kind": "category", "missing": False, "categories": ["female", "male"]},
        {"name": "age", "kind": "number", "missing": True},
    ],
}
SCHEMA = {
    "type": "object",
    "properties": {
        "pclass": {"type": "integer", "minimum": -(2**53), "maximum": 2**53},
        "sex": {"type": "string", "examples": ["female", "male"]},
        "age": {"type": ["number", "null"]},
        "alone": {"type": "boolean"},
        "boarded": {"type": "string", "description": "Date or time as ISO 8601"},
    },
    "required": ["pclass", "sex", "age", "alone", "boarded"],
    "additionalProperties": False,
    "examples": [{"pclass": 3, "sex": "male", "age": 22.0, "alone": True, "boarded": "1912-04-10"}],
}
HYPERPARAMETERS = {
    "properties": {
        "learning_rate": {"type": "number", "minimum": 0.001, "maximum": 1, "default": 0.1, "title": "Learning rate"},
        "max_depth": {"type": "integer", "minimum": 1, "maximum": 16, "default": 6, "title": "Depth of a tree"},
        "early_stopping": {"type": "boolean", "default": True, "title": "Stop early"},
        "booster": {"enum": ["gbtree", "dart"], "default": "gbtree", "title": "Booster"},
        "max_leaves": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "title": "Leaves"},
    }
}
METRICS = {"roc_auc": 0.8712, "accuracy": 0.8212, "f1": 0.7601, "log_loss": 0.4312, "brier": 0.1342}
CURVE = [i / 20 for i in range(21)]
PLOTS: list[dict[str, Any]] = [
    {
        "name": "confusion_matrix", "title": "Truth and prediction", "form": "matrix", "x_label": "prediction",
        "y_label": "truth", "series": [], "labels": ["0", "1"], "counts": [[98, 12], [20, 49]],
    },
    {
        "name": "roc", "title": "ROC curve", "form": "lines", "x_label": "false positive rate",
        "y_label": "true positive rate", "series": [{"name": "1", "x": CURVE, "y": [x**0.35 for x in CURVE]}],
    },
    {
        "name": "feature_importance", "title": "What the model goes by", "form": "bars", "x_label": "share of importance",
        "y_label": "column", "series": [{"name": "importance", "x": [0.5, 0.3, 0.2], "y": ["sex", "pclass", "age"]}],
    },
    {
        "name": "residuals", "title": "Residuals", "form": "points", "x_label": "predicted", "y_label": "actual - predicted",
        "series": [{"name": "rows", "x": CURVE, "y": [0.5 - x for x in CURVE]}],
    },
]  # fmt: skip


SIGNED_IN_AT: list[dict[str, Any]] = [
    {
        "id": "s-now", "browser": "Firefox on Linux", "address": "192.0.2.7", "created_at": WHEN, "seen_at": WHEN,
        "ends_at": WHEN, "is_web": True, "is_current": True,
    },
    {
        "id": "s-phone", "browser": "Chrome on Android", "address": "198.51.100.9", "created_at": WHEN, "seen_at": WHEN,
        "ends_at": WHEN, "is_web": True, "is_current": False,
    },
    {
        "id": "s-job", "browser": "", "address": "", "created_at": WHEN, "seen_at": None, "ends_at": WHEN, "is_web": False,
        "is_current": False,
    },
]  # fmt: skip


def version(number: str, aliases: list[str], **more: Any) -> dict[str, Any]:
    made = {"model": "titanic", "version": number, "aliases": aliases, "task": "binary", "algorithm": "xgboost"}
    origin = {"digest": "cd" * 32, "dataset_id": "d-1", "job_id": "j-1", "run_id": "r", "created_by": "expert"}
    return {**made, **origin, "metrics": METRICS, "signature": SIGNATURE, "created_at": WHEN, **more}


def job(job_id: str, state: str, **more: Any) -> dict[str, Any]:
    asked = {"id": job_id, "state": state, "model": "titanic", "dataset_id": "d-1", "target": "survived"}
    rest = {"task": "binary", "algorithm": "xgboost", "progress": 0.0, "step": "waiting", "metrics": {}, "warnings": []}
    ends = {"error": None, "run_id": None, "model_version": None, "started_at": WHEN, "finished_at": None}
    return {**asked, **rest, **ends, "created_by": "expert", "created_at": WHEN, **more}


def person(role: str) -> dict[str, Any]:
    return {"id": "u", "username": role, "role": role, "permissions": PERMISSIONS[role]}


def problem(status: int, code: str, detail: str, **more: Any) -> httpx.Response:
    body = {"status": status, "code": code, "detail": detail, "error": detail, **more}
    return httpx.Response(status, json=body, headers={"X-Request-Id": "req-42"})


@dataclass
class StubPlatform:
    """What the platform holds, and what it was asked (`web`: in calls for web sessions); `refusals` answers a method and path in its own way."""

    datasets: list[dict[str, Any]] = field(default_factory=lambda: [TITANIC])
    models: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {
                "name": "titanic",
                "aliases": {"champion": "1"},
                "versions": [version("2", [], metrics={**METRICS, "roc_auc": 0.9}), version("1", ["champion"])],
            }
        ]
    )
    jobs: list[dict[str, Any]] = field(
        default_factory=lambda: [job("j-1", "succeeded", metrics=METRICS, model_version="1", finished_at=WHEN)]
    )
    people: People = field(default_factory=People)
    traffic: Counted = field(default_factory=Counted)
    logged: Logged = field(default_factory=Logged)
    calls: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    refusals: dict[tuple[str, str], httpx.Response] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)
    web: list[tuple[str, Any]] = field(default_factory=list)
    signed_in_at: list[dict[str, Any]] = field(default_factory=lambda: [dict(each) for each in SIGNED_IN_AT])
    is_down: bool = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.is_down:
            raise httpx.ConnectError("connection refused")
        method, path = request.method, request.url.path
        body = request.read()
        given = json.loads(body) if body.startswith((b"{", b"[")) else body
        if path.startswith("/v1/web-sessions"):
            self.web.append((f"{method} {path}", given))
        else:
            self.calls.append((method, path))
            self.bodies.append(given)
        if refusal := self.refusals.get((method, path)):
            return refusal
        for route, answer in PEOPLE_ROUTES.items():
            if found := re.fullmatch(route, f"{method} {path}"):
                return answer(self.people, self.bodies[-1] or dict(request.url.params), *found.groups())
        for route, view in ROUTES.items():
            if found := re.fullmatch(route, f"{method} {path}"):
                return view(self, request, *found.groups())
        return problem(404, "not-found", "There is nothing at this address.")

    def role(self, request: httpx.Request) -> str | None:
        return self.sessions.get(request.headers.get("Authorization", "").removeprefix("Bearer "))

    def login(self, request: httpx.Request) -> httpx.Response:
        given = self.bodies[-1]
        if given["username"] not in PERMISSIONS or given["password"] != PASSWORD:
            return problem(401, "invalid-credentials", "Unknown user or wrong password.")
        token = self.token(given["username"])
        return httpx.Response(200, json={"access_token": token, "refresh_token": None, "expires_in": 900})

    def token(self, role: str) -> str:
        token = f"token-{secrets.token_hex(4)}"
        self.sessions[token] = role
        return token

    def begin_web(self, request: httpx.Request) -> httpx.Response:
        given = self.web[-1][1]
        if given["username"] not in PERMISSIONS or given["password"] != PASSWORD:
            return problem(401, "invalid-credentials", "Unknown user or wrong password.")
        code = f"code-{secrets.token_hex(4)}"
        self.codes[code] = given["username"]
        return httpx.Response(201, json={"code": code})

    def exchange_web(self, request: httpx.Request) -> httpx.Response:
        role = self.codes.pop(self.web[-1][1]["code"], None)
        if role is None:
            return problem(401, "invalid-credentials", "The sign-in took too long.")
        handle = f"handle-{secrets.token_hex(4)}"
        self.handles[handle] = role
        return httpx.Response(200, json={"handle": handle, "max_age": 43200})

    def resume_web(self, request: httpx.Request) -> httpx.Response:
        role = self.handles.get(self.web[-1][1]["handle"])
        if role is None:
            return problem(404, "not-found", "There is no such session.")
        found = {"session_id": "s-now", "access_token": self.token(role), "expires_in": 900, "person": person(role)}
        return httpx.Response(200, json=found)

    def end_web(self, request: httpx.Request) -> httpx.Response:
        role = self.handles.pop(self.web[-1][1]["handle"], None)
        self.sessions = {token: each for token, each in self.sessions.items() if each != role}
        return httpx.Response(204)

    def end_one(self, request: httpx.Request, session_id: str) -> httpx.Response:
        self.signed_in_at = [each for each in self.signed_in_at if each["id"] != session_id]
        return httpx.Response(204)

    def end_others(self, request: httpx.Request) -> httpx.Response:
        self.signed_in_at = [each for each in self.signed_in_at if each["is_current"]]
        return httpx.Response(204)

    def me(self, request: httpx.Request) -> httpx.Response:
        role = self.role(request)
        if role is None:
            return problem(401, "invalid-token", "The session has ended.")
        factor = {"second_factor": self.people.has_otp, "recovery_codes_left": self.people.recovery_codes}
        return httpx.Response(200, json=person(role) | factor)

    def me_without_factor(self, role: str) -> httpx.Response:
        """What the platform says of a person in whose account it changes at this moment."""
        return httpx.Response(200, json=person(role) | {"second_factor": False, "recovery_codes_left": 0})

    def logout(self, request: httpx.Request) -> httpx.Response:
        self.sessions.pop(request.headers.get("Authorization", "").removeprefix("Bearer "), None)
        return httpx.Response(204)

    def start_job(self, request: httpx.Request) -> httpx.Response:
        asked = self.bodies[-1]
        self.jobs.insert(
            0, job(f"j-{len(self.jobs) + 1}", "queued", **{k: v for k, v in asked.items() if k != "columns"})
        )
        return httpx.Response(202, json=self.jobs[0])

    def read_job(self, request: httpx.Request, job_id: str) -> httpx.Response:
        """Each look at a job that is not finished moves it on."""
        found = next((each for each in self.jobs if each["id"] == job_id), None)
        if found is None:
            return problem(404, "not-found", "There is no such job.")
        if found["state"] in {"queued", "running"}:
            found.update(state="running", step="fitting", progress=min(1.0, found["progress"] + 0.1))
        if found["progress"] >= 1.0 and found["state"] == "running":
            found.update(state="succeeded", metrics=METRICS, model_version="3", finished_at=WHEN)
        return httpx.Response(200, json=found)

    def cancel_job(self, request: httpx.Request, job_id: str) -> httpx.Response:
        found = next(each for each in self.jobs if each["id"] == job_id)
        found["state"] = "cancelled"
        return httpx.Response(202, json=found)

    def create_dataset(self, request: httpx.Request) -> httpx.Response:
        body = self.bodies[-1]
        if b"broken" in body:
            return problem(422, "dataset-unreadable", "Row 3 has 2 values, the header has 5.")
        made = {**TITANIC, "id": f"d-{len(self.datasets) + 1}", "name": "uploaded"}
        self.datasets.insert(0, made)
        return httpx.Response(201, json=made)

    def delete_dataset(self, request: httpx.Request, dataset_id: str) -> httpx.Response:
        self.datasets = [each for each in self.datasets if each["id"] != dataset_id]
        return httpx.Response(204)

    def set_alias(self, request: httpx.Request, model: str, alias: str) -> httpx.Response:
        found = next(each for each in self.models if each["name"] == model)
        number = self.bodies[-1]["version"]
        found["aliases"][alias] = number
        for each in found["versions"]:
            each["aliases"] = [alias] if each["version"] == number else []
        return httpx.Response(200, json={"model": model, "alias": alias, "version": number})

    def predict(self, request: httpx.Request, model: str) -> httpx.Response:
        asked = self.bodies[-1]["features"]
        rows = asked if isinstance(asked, list) else [asked]
        wrong = [number for number, row in enumerate(rows) if row.get("age") == 13]
        if wrong:
            place = [{"row": number} if len(rows) > 1 else {} for number in wrong]
            problems = [{"field": "age", "problem": "is unlucky", **each} for each in place]
            return problem(422, "invalid-fields", "'age' is unlucky", problems=problems)
        shares = {"0": 0.87, "1": 0.13}
        answer: dict[str, Any] = {"model": model, "version": "1"}
        if isinstance(asked, list):
            answer |= {"predictions": [0] * len(rows), "probabilities": [shares] * len(rows)}
        else:
            answer |= {"prediction": 0, "probabilities": shares}
        return httpx.Response(200, json={**answer, "prediction_id": "p-1"})


def _one(name: str, key: str) -> Callable[..., httpx.Response]:
    def view(stub: StubPlatform, request: httpx.Request, wanted: str) -> httpx.Response:
        found = next((each for each in getattr(stub, name) if each[key] == wanted), None)
        return httpx.Response(200, json=found) if found else problem(404, "not-found", "There is no such thing.")

    return view


def _answer(make: Callable[[StubPlatform], Any]) -> Callable[..., httpx.Response]:
    return lambda stub, request, *_: httpx.Response(200, json=make(stub))


ROWS = [{"survived": 0, "pclass": 3, "sex": "male", "age": None, "embarked": "S"}] * 5
ALGORITHMS = [{"name": "xgboost", "title": "XGBoost", "tasks": ["binary"], "hyperparameters": HYPERPARAMETERS}]
EXPLANATION = {
    "prediction": 0,
    "probabilities": {"0": 0.87, "1": 0.13},
    "contributions": {"pclass": 0.4, "sex": 1.1, "age": -0.2, "alone": 0.0, "boarded": 0.1},
    "start": 0.5,
    "score": 1.9,
}
ROUTES: dict[str, Callable[..., httpx.Response]] = {
    **TRAFFIC_ROUTES,
    **RUN_ROUTES,
    "POST /login": StubPlatform.login,
    "POST /logout": StubPlatform.logout,
    "POST /v1/web-sessions": StubPlatform.begin_web,
    "POST /v1/web-sessions/exchange": StubPlatform.exchange_web,
    "POST /v1/web-sessions/resume": StubPlatform.resume_web,
    "DELETE /v1/web-sessions/current": StubPlatform.end_web,
    "GET /v1/me/sessions": _answer(lambda stub: {"items": stub.signed_in_at}),
    "DELETE /v1/me/sessions": StubPlatform.end_others,
    "DELETE /v1/me/sessions/([^/]+)": StubPlatform.end_one,
    "GET /v1/users/([^/]+)/sessions": lambda stub, *_: httpx.Response(200, json={"items": stub.signed_in_at}),
    "DELETE /v1/users/([^/]+)/sessions": lambda *_: httpx.Response(204),
    "GET /v1/me": StubPlatform.me,
    "GET /v1/datasets": _answer(lambda stub: {"items": stub.datasets}),
    "POST /v1/datasets": StubPlatform.create_dataset,
    "GET /v1/datasets/([^/]+)": _one("datasets", "id"),
    "DELETE /v1/datasets/([^/]+)": StubPlatform.delete_dataset,
    "GET /v1/datasets/([^/]+)/preview": _answer(lambda stub: {"rows": ROWS}),
    "GET /v1/algorithms": _answer(lambda stub: {"items": ALGORITHMS}),
    "GET /v1/jobs": _answer(lambda stub: {"items": stub.jobs}),
    "POST /v1/jobs": StubPlatform.start_job,
    "GET /v1/jobs/([^/]+)": StubPlatform.read_job,
    "GET /v1/jobs/([^/]+)/plots": _answer(lambda stub: {"plots": PLOTS}),
    "POST /v1/jobs/([^/]+)/cancel": StubPlatform.cancel_job,
    "GET /v1/models": _answer(lambda stub: {"items": stub.models}),
    "GET /v1/models/([^/]+)": _one("models", "name"),
    "PUT /v1/models/([^/]+)/aliases/([^/]+)": StubPlatform.set_alias,
    "GET /v1/models/([^/]+)/schema": _answer(lambda stub: SCHEMA),
    "POST /v1/models/([^/]+)/predict": StubPlatform.predict,
    "POST /v1/models/([^/]+)/explain": lambda stub, request, model: httpx.Response(
        200, json={"explanation": EXPLANATION, "model": model, "version": "1"}
    ),
}
