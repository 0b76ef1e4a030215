"""The log of the real server: every request is in it by the time the server has ended."""

import contextlib
import json
from collections.abc import Iterator

import pytest

from tests.monitoring.test_trace import ID, PARENT
from tests.server.api import Api, Home, ask, home_in


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_in(tmp_path_factory.mktemp("home")) as home:
        yield home


def _run(home: Home) -> str:
    api = Api(home.settings)
    with contextlib.closing(api.connection()) as connection:
        sent = {"traceparent": PARENT, "X-Request-Id": "mine"}
        for _ in range(30):
            ask(connection, "POST", "/v1/models/iris/predict", body=b"a secret", headers=sent)
    api.stop()
    return api.log.read_text()


def test_as_json_each_line_is_an_object(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNET_LOG_FORMAT", "json")
    lines = [json.loads(line) for line in _run(home).splitlines()]
    ours = [line for line in lines if line["logger"] == "signet.access" and line.get("request_id") == "mine"]
    assert len(ours) == 30
    assert {(line["status"], line["trace_id"], line["route"]) for line in ours} == {
        (401, ID, "/v1/models/{model}/predict")
    }
    assert "gunicorn.error" in {line["logger"] for line in lines}


def test_as_text_and_not_at_all(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    text = _run(home)
    assert text.count("POST /v1/models/{model}/predict 401 ") == 30
    assert "secret" not in text
    monkeypatch.setenv("SIGNET_ACCESS_LOG", "none")
    assert "signet.access" not in _run(home)
