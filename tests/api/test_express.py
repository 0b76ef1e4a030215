"""The way beside Flask gives Flask's answers, header for header, and gives none where Flask would do more than answer."""

import base64
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.test import Client, TestResponse

from backend.api.gate import Gate
from backend.api.secure_headers import headers_over_tls
from backend.app import with_express
from backend.audit.tables import AuditEvent
from backend.database import db
from backend.errors import RequestTimeout
from backend.identity.allowance_tables import Allowance
from backend.identity.allowances import DAY, MINUTE
from backend.identity.subscriber_tables import Certificate
from backend.listener.wsgi import CLIENT_CERTIFICATE, PROXIED
from backend.protocols.tensors import to_bytes
from tests.api.conftest import Registered, Subscribed
from tests.conftest import Person
from tests.trained import COLUMNS, EXAMPLE

IN_ORDER = [EXAMPLE[column.name] for column in COLUMNS]
ONE_BY_ONE = {"FP64": "size", "INT64": "count", "BOOL": "open"}
NATIVE, INFER, SCORE = "/v1/models/bugs/predict", "/v2/models/bugs/infer", "/invocations"
UNEQUAL = {"X-Request-Id", "X-Prediction-Id", "Date"}
NEW = {"prediction_id", "id"}


def _tensors(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}
    return [
        {"name": c.name, "datatype": kinds[c.kind], "shape": [len(rows)], "data": [row[c.name] for row in rows]}
        for c in COLUMNS
    ]


def _binary() -> tuple[bytes, dict[str, str]]:
    tensors, parts = _tensors([EXAMPLE]), []
    for tensor in tensors:
        if tensor["name"] in {"size", "count"}:
            parts.append(to_bytes(tensor["datatype"], tensor.pop("data")))
            tensor["parameters"] = {"binary_data_size": len(parts[-1])}
    text = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}}).encode()
    return text + b"".join(parts), {"Inference-Header-Content-Length": str(len(text))}


@dataclass(frozen=True)
class Case:
    path: str
    body: Any
    headers: dict[str, str] | None = None
    kind: str = "application/json"
    query: str = ""
    by_flask: bool = False


BINARY, BINARY_HEADERS = _binary()
CASES = {
    "one row by name": Case(NATIVE, {"features": EXAMPLE}),
    "one row in order": Case(NATIVE, {"features": IN_ORDER}),
    "rows": Case(NATIVE, {"features": [EXAMPLE, EXAMPLE]}),
    "the default model": Case("/predict", {"features": EXAMPLE}),
    "charset": Case(NATIVE, {"features": EXAMPLE}, kind="application/json; charset=utf-8"),
    "its own request id": Case(NATIVE, {"features": EXAMPLE}, {"X-Request-Id": "order-17"}),
    "a bad request id": Case(NATIVE, {"features": EXAMPLE}, {"X-Request-Id": "a b"}),
    "infer": Case(INFER, {"inputs": _tensors([EXAMPLE, EXAMPLE]), "id": "7"}),
    "infer without a type": Case(INFER, {"inputs": _tensors([EXAMPLE])}, kind=""),
    "infer with parameters": Case(INFER, {"inputs": _tensors([EXAMPLE]), "parameters": {"big": 2**70, "x": 1.5}}),
    "infer one output": Case(INFER, {"inputs": _tensors([EXAMPLE]), "outputs": [{"name": "prediction"}]}),
    "infer binary": Case(INFER, BINARY, BINARY_HEADERS, kind="application/octet-stream"),
    "records": Case(SCORE, {"dataframe_records": [EXAMPLE]}),
    "split": Case(SCORE, {"dataframe_split": {"columns": list(EXAMPLE), "data": [list(EXAMPLE.values())]}}),
    "deployment": Case("/endpoints/bugs/invocations", {"inputs": {name: [value] for name, value in EXAMPLE.items()}}),
    "missing as NaN": Case(NATIVE, b'{"features": [5.1, 3, "red", true, NaN]}'),
    # From here on Flask is asked.
    "a version": Case(NATIVE, {"features": EXAMPLE}, query="version=1", by_flask=True),
    "packed": Case(NATIVE, gzip.compress(json.dumps({"features": EXAMPLE}).encode(), mtime=0), {"Content-Encoding": "gzip"}, by_flask=True),
    "csv": Case(SCORE, b"size,count,colour,open,age\n5.1,3,red,true,\n", kind="text/csv", by_flask=True),
    "another type": Case(NATIVE, {"features": EXAMPLE}, kind="text/plain", by_flask=True),
    "no such model": Case("/v1/models/wasps/predict", {"features": EXAMPLE}, by_flask=True),
    "a stated certificate": Case(NATIVE, {"features": EXAMPLE}, {"X-SSL-Client-Cert": "x"}, by_flask=True),
    "not JSON": Case(NATIVE, b"{", by_flask=True),
    "twice the same key": Case(NATIVE, b'{"features": [1], "features": [2]}', by_flask=True),
    "a value that does not fit": Case(NATIVE, {"features": EXAMPLE | {"count": 1.5}}, by_flask=True),
    "a tensor that does not fit": Case(INFER, {"inputs": _tensors([EXAMPLE])[1:]}, by_flask=True),
    "an output that is not": Case(INFER, {"inputs": _tensors([EXAMPLE]), "outputs": [{"name": "x"}]}, by_flask=True),
    "an unknown form": Case(SCORE, {"rows": []}, by_flask=True),
    "nothing": Case(NATIVE, b"", by_flask=True),
}  # fmt: skip


class Both:
    """The app by itself and with the way beside it; `asked` counts the requests that reached Flask."""

    def __init__(self, app: Flask) -> None:
        self.app, self.asked = app, 0
        express = with_express(app)
        express.app = self._counted
        self.flask, self.express = Client(app, TestResponse), Client(express, TestResponse)

    def _counted(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        self.asked += 1
        return self.app(environ, start_response)

    def ask(self, client: Client, case: Case, **shown: Any) -> TestResponse:
        body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
        headers = {**(case.headers or {}), **shown.pop("headers", {})}
        environ = {CLIENT_CERTIFICATE: None, PROXIED: False, **shown}
        return client.open(
            case.path, method="POST", data=body, headers=headers, content_type=case.kind or None,
            query_string=case.query, base_url="https://localhost", environ_overrides=environ,
        )  # fmt: skip

    def verify_equal(self, case: Case, **shown: Any) -> TestResponse:
        """Both give the same; who is asked second has met the caller a moment ago."""
        first = self.ask(self.flask, case, **shown)
        asked = self.asked
        second = self.ask(self.express, case, **shown)
        assert self.asked - asked == case.by_flask
        assert (first.status, _headers(first), _content(first)) == (second.status, _headers(second), _content(second))
        return second


def _headers(answer: TestResponse) -> list[tuple[str, str]]:
    return [(name, value) for name, value in answer.headers if name not in UNEQUAL]


def _content(answer: TestResponse) -> Any:
    length = answer.headers.get("Inference-Header-Content-Length")
    text, raw = (answer.data, b"") if length is None else (answer.data[: int(length)], answer.data[int(length) :])
    document = json.loads(text)
    return {name: value for name, value in document.items() if name not in NEW | {"request_id"}}, raw


@pytest.fixture
def both(app: Flask, registered: Registered, settings: Any) -> Both:
    registered("bugs", "multiclass")
    registered("iris", "multiclass")
    gate: Gate = app.extensions["signet.gate"]
    gate.people._seconds = gate.subscribers._seconds = (
        3600  # on a busy machine a quarter of a second passes between two lines of a test
    )
    return Both(app)


@pytest.fixture
def billing(subscribed: Callable[..., Subscribed]) -> Subscribed:
    return subscribed("billing", models=["bugs", "iris", "wasps"])


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_that_of_flask(both: Both, billing: Subscribed, name: str) -> None:
    both.ask(both.flask, CASES["one row by name"], **{CLIENT_CERTIFICATE: billing.der})
    both.ask(both.flask, CASES["the default model"], **{CLIENT_CERTIFICATE: billing.der})
    both.verify_equal(CASES[name], **{CLIENT_CERTIFICATE: billing.der})


def test_a_given_request_id_comes_back(both: Both, billing: Subscribed) -> None:
    answer = both.verify_equal(CASES["one row by name"], **{CLIENT_CERTIFICATE: billing.der})
    assert len(answer.headers["X-Request-Id"]) == 32
    named = both.verify_equal(CASES["its own request id"], **{CLIENT_CERTIFICATE: billing.der})
    assert named.headers["X-Request-Id"] == "order-17"


def test_people_and_bound_tokens_are_known_too(both: Both, billing: Subscribed, expert: Person) -> None:
    case = CASES["one row by name"]
    both.verify_equal(case, headers=expert.headers)
    token = {"Authorization": f"Bearer {billing.token()}"}
    both.verify_equal(case, headers=token, **{CLIENT_CERTIFICATE: billing.der})


@pytest.mark.parametrize("credential", ["nobody", "a made-up token", "a bound token alone", "a stranger's bound token"])
def test_who_is_not_good_is_refused_by_flask(
    both: Both, billing: Subscribed, subscribed: Callable[..., Subscribed], credential: str
) -> None:
    case = CASES["one row by name"]
    token, other = {"Authorization": f"Bearer {billing.token()}"}, subscribed("shipping", models=["*"])
    both.ask(both.flask, case, **{CLIENT_CERTIFICATE: other.der})
    both.ask(both.flask, case, headers=token, **{CLIENT_CERTIFICATE: billing.der})
    shown: dict[str, dict[str, Any]] = {
        "nobody": {},
        "a made-up token": {"headers": {"Authorization": "Bearer made.up.token"}},
        "a bound token alone": {"headers": token},
        "a stranger's bound token": {"headers": token, CLIENT_CERTIFICATE: other.der},
    }
    refused = Case(case.path, case.body, by_flask=True)
    assert both.verify_equal(refused, **shown[credential]).status_code == 401


def test_a_model_that_is_not_the_callers_is_refused_by_flask(both: Both, subscribed: Callable[..., Subscribed]) -> None:
    other = subscribed("shipping", models=["iris"])
    both.verify_equal(CASES["the default model"], **{CLIENT_CERTIFICATE: other.der})
    refused = Case(NATIVE, {"features": EXAMPLE}, by_flask=True)
    assert both.verify_equal(refused, **{CLIENT_CERTIFICATE: other.der}).status_code == 403


def test_behind_a_proxy_the_stated_certificate_is_read(both: Both, billing: Subscribed) -> None:
    stated = {"Client-Cert": f":{base64.b64encode(billing.der).decode()}:"}
    both.verify_equal(CASES["one row by name"], headers=stated, **{PROXIED: True})
    broken = Case(NATIVE, {"features": EXAMPLE}, {"Client-Cert": ":x:"}, by_flask=True)
    assert both.verify_equal(broken, **{PROXIED: True}).status_code == 400


def test_a_revocation_holds_from_the_next_request_on(both: Both, billing: Subscribed) -> None:
    case = CASES["one row by name"]
    both.verify_equal(case, **{CLIENT_CERTIFICATE: billing.der})
    revoked = update(Certificate).values(revoked_at=Certificate.not_before, revocation_reason="keyCompromise")
    db.session.execute(revoked)
    db.session.commit()
    assert both.ask(both.express, case, **{CLIENT_CERTIFICATE: billing.der}).status_code == 401


def _taken(subscriber: Subscribed, gate: Gate) -> dict[str, int]:
    """Units of each window that were used: those given out, less those that this process still holds."""
    db.session.rollback()
    rows = {row.period: row.taken for row in db.session.query(Allowance).filter_by(subscriber_id=subscriber.id)}
    held = {period: gate.allowances._purses[subscriber.id, period].left for period in rows}
    return {period: rows[period] - held[period] for period in rows}


def test_both_ways_and_refusals_have_the_same_secure_headers(both: Both, billing: Subscribed) -> None:
    case, shown = CASES["one row by name"], {CLIENT_CERTIFICATE: billing.der}
    answers = [both.ask(client, case, **shown) for client in (both.flask, both.express)]
    answers += [both.ask(both.express, case), both.ask(both.express, CASES["not JSON"], **shown)]
    assert (both.asked, [answer.status_code for answer in answers]) == (2, [200, 200, 401, 400])
    made = dict(headers_over_tls())
    assert set(made) == {
        "Cache-Control", "Content-Security-Policy", "Permissions-Policy", "Referrer-Policy", "Strict-Transport-Security",
        "X-Content-Type-Options", "X-Frame-Options",
    }  # fmt: skip
    assert [{name: answer.headers.get(name) for name in made} for answer in answers] == [made] * 4


def test_each_prediction_costs_one_unit_whichever_way_it_takes(
    both: Both, subscribed: Callable[..., Subscribed]
) -> None:
    rated = subscribed("rated", models=["bugs"], rate_per_minute=1000, daily_quota=500)
    gate: Gate = both.app.extensions["signet.gate"]
    case = CASES["one row by name"]
    for count in range(1, 24):
        answer = both.ask(both.express, case, **{CLIENT_CERTIFICATE: rated.der})
        assert answer.status_code == 200
        assert _taken(rated, gate) == {"minute": count, "day": count}
    assert 0 < both.asked < 23


def test_the_limit_is_the_limit(both: Both, subscribed: Callable[..., Subscribed]) -> None:
    rated = subscribed("rated", models=["bugs"], rate_per_minute=None, daily_quota=250)
    case = CASES["one row by name"]
    statuses = [both.ask(both.express, case, **{CLIENT_CERTIFICATE: rated.der}).status_code for _ in range(260)]
    assert statuses == [200] * 250 + [429] * 10


def test_what_is_refused_in_its_body_costs_what_it_costs_in_flask(
    both: Both, subscribed: Callable[..., Subscribed]
) -> None:
    rated = subscribed("rated", models=["bugs"], rate_per_minute=1000)
    gate: Gate = both.app.extensions["signet.gate"]
    both.ask(both.express, CASES["one row by name"], **{CLIENT_CERTIFICATE: rated.der})
    assert both.ask(both.express, CASES["not JSON"], **{CLIENT_CERTIFICATE: rated.der}).status_code == 400
    assert _taken(rated, gate) == {"minute": 2}


def test_nothing_is_held_of_two_windows_where_one_is_used_up(app: Flask, subscribed: Callable[..., Subscribed]) -> None:
    one = subscribed("rated", models=["bugs"])
    allowances = app.extensions["signet.gate"].allowances
    wishes = [(MINUTE, 1000), (DAY, 100)]
    assert not allowances.spend_held(one.id, wishes)  # nothing is held yet
    for period, most in wishes:
        allowances.spend(one.id, period, most)
    assert not allowances.spend_held(one.id, wishes)  # of the day, one unit was taken and is spent
    assert allowances._purses[one.id, "minute"].left == 9
    assert allowances.spend_held(one.id, wishes[:1])
    assert allowances._purses[one.id, "minute"].left == 8


class _Cut(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        raise RequestTimeout("The request took too long to arrive")


def test_a_body_that_cannot_be_read_is_answered_by_flask(both: Both, billing: Subscribed) -> None:
    both.ask(both.flask, CASES["one row by name"], **{CLIENT_CERTIFICATE: billing.der})
    cut = {"wsgi.input": _Cut(), "CONTENT_LENGTH": "10", CLIENT_CERTIFICATE: billing.der}
    answer = both.ask(both.express, Case(NATIVE, b""), **cut)
    assert answer.status_code == 408
    assert both.asked == 1


def test_a_prediction_is_noted_in_no_journal(both: Both, billing: Subscribed) -> None:
    both.verify_equal(CASES["one row by name"], **{CLIENT_CERTIFICATE: billing.der})
    db.session.rollback()
    assert db.session.query(AuditEvent).filter_by(event="request.refused").count() == 0
