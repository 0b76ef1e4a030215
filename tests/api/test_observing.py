"""Every prediction request is counted once, however it ends, by what asked, what answered and how."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.monitoring.access_log import as_json
from backend.monitoring.telling import Exchange
from backend.monitoring.traffic import Series, Sums, Traffic
from tests.api.conftest import Registered, Subscribed
from tests.conftest import Person
from tests.monitoring.test_trace import ID, PARENT

ROW = [1.0, 2.0, 3.0, "a", True]


@pytest.fixture
def traffic(app: Flask) -> Traffic:
    found: Traffic = app.extensions["signet"].traffic
    return found


def _only(traffic: Traffic) -> tuple[Series, Sums]:
    ((series, sums),) = traffic.take().items()
    return series, sums


def _example(app: Flask, model: str) -> Any:
    return app.extensions["signet"].shelf.get(model).signature.example


def test_each_protocol_is_counted_with_its_rows(
    app: Flask, registered: Registered, expert: Person, traffic: Traffic
) -> None:
    registered("bikes", "regression")
    row = _example(app, "bikes")
    columns = list(row)
    traffic.take()
    native = expert.post("/v1/models/bikes/predict", json={"features": [row, row]})
    assert native.status_code == 200, native.text
    series, sums = _only(traffic)
    assert (series, sums.count, sums.rows) == (Series("bikes", "1", "native", "people", 200), 1, 2)
    assert 0 < sums.seconds < 60
    split = {"dataframe_split": {"columns": columns, "data": [list(row.values())] * 3}}
    assert expert.post("/endpoints/bikes/invocations", json=split).status_code == 200
    series, sums = _only(traffic)
    assert (series.protocol, sums.rows) == ("mlflow", 3)


def test_refusals_are_counted_with_what_is_known_of_them(
    registered: Registered, http: FlaskClient, expert: Person, subscribed: Callable[..., Subscribed], traffic: Traffic
) -> None:
    registered("bikes", "regression")
    service = subscribed("billing", models=["bikes"])
    body = {"features": [[]]}
    expert.post("/v1/models/bikes/predict", json=body)
    assert _only(traffic)[0] == Series("bikes", "1", "native", "people", 422)
    http.post("/v1/models/bikes/predict", json=body)
    assert _only(traffic)[0] == Series("bikes", "", "native", "nobody", 401)
    service.call("POST", "/v2/models/other/infer", json=body)
    assert _only(traffic)[0] == Series("unknown", "", "open-inference", f"subscriber:{service.id}", 403)
    expert.post("/v1/models/who-knows/predict", json=body)
    assert _only(traffic)[0].model == "unknown"


def test_a_fault_of_ours_is_counted(
    app: Flask, registered: Registered, expert: Person, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered("bikes", "regression")
    served = app.extensions["signet"].shelf.get("bikes")
    row = served.signature.example

    def broken(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(served, "_answer", broken)
    assert expert.post("/v1/models/bikes/predict", json={"features": row}).status_code == 500
    assert _only(traffic)[0] == Series("bikes", "1", "native", "people", 500)


def test_what_is_no_prediction_is_not_counted_as_one(http: FlaskClient, expert: Person, traffic: Traffic) -> None:
    for path in ("/health/live", "/v1/models", "/v2/models/iris", "/nothing"):
        expert.get(path)
        http.get(path)
    assert traffic.take() == {}
    assert traffic.in_flight == 0


@pytest.fixture
def told(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[Exchange]:
    """What is told of each request."""
    found: list[Exchange] = []
    monkeypatch.setattr(app.extensions["signet"].teller, "tell", found.append)
    return found


def test_a_request_is_told_without_what_stood_in_it(
    registered: Registered, expert: Person, told: list[Exchange]
) -> None:
    registered("bikes", "regression")
    told.clear()
    sent = {"traceparent": PARENT, "X-Request-Id": "mine"}
    answer = expert.post("/v1/models/bikes/predict", json={"features": [["a secret"]]}, headers=sent)
    (exchange,) = told
    assert (exchange.status, exchange.route, exchange.request_id) == (422, "/v1/models/{model}/predict", "mine")
    assert (f"{exchange.trace.trace_id:032x}", exchange.model, exchange.version) == (ID, "bikes", "1")
    assert (exchange.received, exchange.sent) == (len(b'{"features": [["a secret"]]}'), len(answer.data))
    assert exchange.caller is not None
    assert exchange.caller.name == "expert"
    assert "secret" not in as_json(exchange)


@pytest.mark.parametrize(
    ("method", "path", "status", "route"),
    [
        ("GET", "/nothing/secret", 404, ""),
        ("DELETE", "/login", 405, ""),
        ("GET", "/v1/key-files/secret", 401, "/v1/key-files/{token}"),
        ("GET", "/v1/me", 401, "/v1/me"),
        ("POST", "/v1/enrol", 415, "/v1/enrol"),
        ("GET", "/health/ready", 503, "/health/ready"),
        ("POST", "/invocations", 401, "/invocations"),
        ("POST", "/v2/models/secret/infer", 401, "/v2/models/{model}/infer"),
        ("POST", "/oauth/token", 401, "/oauth/token"),
    ],
)
def test_every_end_has_its_request_id(
    http: FlaskClient, told: list[Exchange], method: str, path: str, status: int, route: str
) -> None:
    answer = http.open(path, method=method, headers={"X-Request-Id": "r.1"})
    (exchange,) = told
    assert (answer.status_code, exchange.status, exchange.route) == (status, status, route)
    assert answer.headers["X-Request-Id"] == exchange.request_id == "r.1"
    assert told[0].seconds > 0
