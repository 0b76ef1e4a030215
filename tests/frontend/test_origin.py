"""Where browsers find the web app, directly and through a proxy; what our own refusals are called."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from frontend import origin
from frontend.guard import Guard
from frontend.settings import Settings
from tests.frontend.conftest import code_for
from tests.frontend.stub import StubPlatform
from tests.frontend.test_addresses import OURS, handle, spool, web

__all__ = ["handle", "spool", "web"]
PUBLIC = "https://signet.test:9443"


@pytest.fixture
def behind_proxy(monkeypatch: pytest.MonkeyPatch, ui_settings: Settings) -> None:
    monkeypatch.setattr(origin, "load_settings", lambda: replace(ui_settings, web_origin=PUBLIC))


def opened(**headers: str) -> list[Any]:
    """What becomes of a WebSocket with these headers: the scope that Streamlit is given, or what the guard sends instead."""
    seen: list[Any] = []

    async def streamlit(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append({name.decode(): value.decode() for name, value in scope["headers"]})

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        seen.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": raw, "client": None}
    asyncio.run(Guard(streamlit)(scope, receive, send))
    return seen


@pytest.mark.parametrize("found", [{}, {"origin": "https://localhost:8501"}], ids=["no-browser", "our-page"])
def test_our_own_pages_open_a_connection_and_streamlit_judges_no_origin(found: dict[str, str]) -> None:
    (given,) = opened(host="localhost:8501", **found)
    assert set(given) == {"host", "x-signet-session"}


FOREIGN = ["https://localhost:9999", "http://localhost:8501", "https://127.0.0.1:8501", "https://evil.test", "null", ""]


@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_page_of_another_origin_opens_none_not_even_from_another_port(foreign: str) -> None:
    assert opened(host="localhost:8501", origin=foreign) == [{"type": "websocket.close", "code": 1008}]


def test_behind_a_proxy_the_public_origin_counts_whatever_host_is_passed_on(
    web: httpx.Client, stub: StubPlatform, behind_proxy: None
) -> None:
    headers = {**OURS, "Origin": PUBLIC, "Host": "upstream"}
    answer = web.post("/ui/session", json={"code": code_for("expert")}, headers=headers)
    assert answer.status_code == 204
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert web.post("/ui/session/end", headers={**OURS, "Host": "ui.test"}).status_code == 403
    assert set(opened(host="upstream", origin=PUBLIC)[0]) == {"host", "x-signet-session"}
    assert opened(host="ui.test", origin="https://ui.test") == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(("given", "length"), [("client-7", 8), ("", 32), ("a b", 32), ("x" * 65, 32), ("a\tb", 32)])
def test_a_refusal_of_ours_carries_the_name_of_its_request_and_the_log_has_it(
    web: httpx.Client, stub: StubPlatform, caplog: pytest.LogCaptureFixture, given: str, length: int
) -> None:
    with caplog.at_level(logging.WARNING, "signet.ui"):
        answer = web.get("/media/x", headers={"X-Request-Id": given})
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, told["status"], told["code"]) == (401, 401, "unauthenticated")
    assert told["error"] == told["detail"] == "Sign in first."
    assert told["request_id"] == answer.headers["x-request-id"]
    assert (told["request_id"] == given) is (length == len(given))
    assert len(told["request_id"]) == length
    assert f"refused with 401 unauthenticated [{told['request_id']}]" in caplog.messages


def test_what_the_relay_refuses_has_its_own_name_each_time(web: httpx.Client, handle: str) -> None:
    bodies = [web.post("/ui/uploads", json={"filename": "t", "size": 0}, headers=OURS).json() for _ in range(2)]
    assert {each["code"] for each in bodies} == {"too-large"}
    assert len({each["request_id"] for each in bodies}) == 2


def test_what_the_platform_refuses_keeps_the_name_that_its_log_knows(web: httpx.Client, stub: StubPlatform) -> None:
    stub.is_down = True
    answer = web.post("/ui/session", json={"code": "x"}, headers={**OURS, "X-Request-Id": "mine"})
    assert (answer.status_code, answer.json()["request_id"]) == (502, "mine")


def test_every_answer_has_a_name(web: httpx.Client) -> None:
    assert web.get("/").headers["x-request-id"] != web.get("/").headers["x-request-id"]
