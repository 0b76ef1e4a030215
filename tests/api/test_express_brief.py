"""The loop that watches all connections answers what is sure to be brief, and the same answer; everything else goes to a thread."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from backend.algorithms.contract import Form
from backend.algorithms.forest import Forest
from backend.algorithms.signature import Column
from backend.api.gate import Gate
from backend.app import with_express
from backend.listener.express import LATER, Answer, ExpressApp, Later
from backend.listener.wsgi import CLIENT_CERTIFICATE, PROXIED
from tests.api.conftest import Registered, Subscribed
from tests.trained import EXAMPLE

NUMBERS = tuple(Column(name, "number") for name in "abcde")
ROW = [5.1, 3.0, 2.0, 1.0, 0.5]
NATIVE, INFER, SCORE = "/v1/models/numbers/predict", "/v2/models/numbers/infer", "/endpoints/numbers/invocations"
LENGTH = "HTTP_INFERENCE_HEADER_CONTENT_LENGTH"


def _rows(count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(0).normal(3, 2, (count, len(NUMBERS))).round(3)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _binary(count: int, datatype: str = "FP64", size: int = 8) -> tuple[bytes, dict[str, str]]:
    raw = _rows(count).tobytes()[: count * len(NUMBERS) * size]
    tensor = {
        "name": "x",
        "datatype": datatype,
        "shape": [count, len(NUMBERS)],
        "parameters": {"binary_data_size": len(raw)},
    }
    text = _json({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    return text + raw, {LENGTH: str(len(text))}


class Asking:
    """A subscriber that was known a moment ago, and what the way beside Flask makes of its requests."""

    def __init__(self, app: Flask, caller: Subscribed) -> None:
        self.caller, self.way = caller, with_express(app)
        gate: Gate = app.extensions["signet.gate"]
        gate.subscribers._seconds = 3600
        assert self._flask(self.way, NATIVE, _json({"features": ROW})).status_code == 200
        assert self._flask(self.way, "/v1/models/bugs/predict", _json({"features": EXAMPLE})).status_code == 200

    def _flask(self, app: ExpressApp, path: str, body: bytes) -> TestResponse:
        environ = {CLIENT_CERTIFICATE: self.caller.der, PROXIED: False}
        return Client(app, TestResponse).open(
            path, method="POST", data=body, content_type="application/json", base_url="https://localhost",
            environ_overrides=environ,
        )  # fmt: skip

    def __call__(self, path: str, body: bytes, more: dict[str, str] | None = None) -> tuple[Any, Answer | None]:
        """The answer of the loop, and that of a thread."""
        head = {
            "PATH_INFO": path, "QUERY_STRING": "", "REQUEST_METHOD": "POST", "wsgi.url_scheme": "https", PROXIED: False,
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), **(more or {}),
        }  # fmt: skip
        asked = self.way.express.look(head)
        call = None if asked is None else asked.begin(self.caller.der)
        assert call is not None
        return call.at_once(body), call(body)


@pytest.fixture
def asking(app: Flask, registered: Registered, subscribed: Callable[..., Subscribed]) -> Asking:
    registered("numbers", "binary", columns=NUMBERS, example=dict(zip("abcde", ROW, strict=True)))
    registered("bugs", "multiclass")
    return Asking(app, subscribed("billing", models=["numbers", "bugs"]))


BRIEF: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "a row": (NATIVE, _json({"features": ROW}), {}),
    "rows": (NATIVE, _json({"features": _rows(20).tolist()}), {}),
    "a large table": (NATIVE, _json({"features": _rows(2000).tolist()}), {}),
    "a binary row": (INFER, *_binary(1)),
    "a large binary table": (INFER, *_binary(2000)),
    "a row of MLflow's": (SCORE, _json({"dataframe_split": {"columns": list("abcde"), "data": [ROW]}}), {}),
}


@pytest.mark.parametrize("name", BRIEF)
def test_the_loop_gives_the_answer_of_a_thread(asking: Asking, name: str) -> None:
    quick, usual = asking(*BRIEF[name])
    assert isinstance(quick, Answer)
    assert usual is not None
    assert _without_ids(quick) == _without_ids(usual)


def _without_ids(answer: Answer) -> Any:
    headers = {key: value for key, value in answer.headers if key not in {"X-Request-Id", "X-Prediction-Id"}}
    length = int(headers.get("Inference-Header-Content-Length", len(answer.body)))
    document = json.loads(answer.body[:length])
    return headers, answer.common, {**document, "id": 0, "prediction_id": 0}, answer.body[length:]


LONG: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "rows by name": (NATIVE, _json({"features": [dict(zip("abcde", ROW, strict=True))] * 400}), {}),
    "more numbers": (NATIVE, _json({"features": _rows(12_000).tolist()}), {}),
    "more binary numbers": (INFER, *_binary(8000)),
    "rows of MLflow's": (SCORE, _json({"dataframe_split": {"columns": list("abcde"), "data": [ROW] * 600}}), {}),
    "many texts": ("/v1/models/bugs/predict", _json({"features": [EXAMPLE] * 400}), {}),
    "a table with a gap": (NATIVE, _json({"features": [*_rows(1000).tolist(), [1, 2, 3, 4, None]]}), {}),
    "binary texts": (INFER, *_binary(500, "BYTES")),
    "binary data cut short": (INFER, _binary(1000)[0][:-8], _binary(1000)[1]),
}


@pytest.mark.parametrize("name", LONG)
def test_what_may_take_longer_goes_to_a_thread(asking: Asking, name: str) -> None:
    assert isinstance(asking(*LONG[name])[0], Later)


@pytest.mark.parametrize("name", BRIEF)
def test_a_model_that_does_not_say_so_is_not_brief(asking: Asking, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every algorithm of one's own: what the contract says for all who say nothing."""
    monkeypatch.setattr(Forest, "is_brief", Form.is_brief)
    quick, usual = asking(*BRIEF[name])
    assert quick is LATER
    assert isinstance(usual, Answer)


def test_what_a_thread_is_asked_for_costs_the_caller_nothing_twice(
    app: Flask, registered: Registered, subscribed: Callable[..., Subscribed]
) -> None:
    registered("numbers", "binary", columns=NUMBERS, example=dict(zip("abcde", ROW, strict=True)))
    registered("bugs", "multiclass")
    rated = subscribed("rated", models=["numbers", "bugs"], rate_per_minute=1000)
    asking = Asking(app, rated)
    purse = app.extensions["signet.gate"].allowances._purses[rated.id, "minute"]
    before = purse.left
    assert asking(*LONG["more numbers"])[0] is LATER
    assert purse.left == before - 1
