"""Files that our own pages fetch: once where they are secret, and only with a live session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from starlette.applications import Starlette
from starlette.middleware import Middleware

from frontend import downloads
from frontend.cookie import NAME
from frontend.guard import Guard, Headers
from frontend.settings import Settings
from tests.frontend.conftest import AGENT, handle_for
from tests.frontend.stub import PASSWORD, StubPlatform, problem
from tests.frontend.stub_people import KEY_FILE
from tests.frontend.test_addresses import FOREIGN, ORIGIN, OURS, InProcess

ADDRESSES = ["/ui/downloads/key-file", "/ui/downloads/audit", "/ui/downloads/ca"]


@pytest.fixture
def web(stub: StubPlatform) -> Iterator[httpx.Client]:
    app = Starlette(routes=downloads.ROUTES, middleware=[Middleware(Headers), Middleware(Guard)])
    with start_blocking_portal() as portal, httpx.Client(transport=InProcess(app, portal), base_url=ORIGIN) as client:
        yield client


@pytest.fixture
def as_manager(web: httpx.Client, stub: StubPlatform) -> httpx.Client:
    web.cookies.set(NAME, handle_for("manager"))
    web.headers["User-Agent"] = AGENT
    return web


def test_a_key_file_is_fetched_once(as_manager: httpx.Client) -> None:
    asked = {"token": "tok-1", "password": PASSWORD}
    for wrong in ({"password": "another"}, {"password": None}, {}):
        refused = as_manager.post("/ui/downloads/key-file", json={"token": "tok-1"} | wrong, headers=OURS)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid-credentials")
    answer = as_manager.post("/ui/downloads/key-file", json=asked, headers=OURS)
    assert (answer.status_code, answer.content) == (200, KEY_FILE)
    assert answer.headers["content-type"] == "application/x-pkcs12"
    assert answer.headers["cache-control"] == "no-store"
    second = as_manager.post("/ui/downloads/key-file", json=asked, headers=OURS)
    assert second.status_code == 410
    told = second.json()
    assert (told["detail"], told["code"], told["request_id"]) == ("This file was fetched.", "gone", "req-42")


def test_the_journal_as_csv_with_its_filters(as_manager: httpx.Client, stub: StubPlatform) -> None:
    asked = {"actor": "manager", "since": "2026-11-01T00:00:00+01:00", "limit": "1", "nonsense": "x"}
    answer = as_manager.post("/ui/downloads/audit", json=asked, headers=OURS)
    assert answer.content == b"position,at\r\n2,now\r\n"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    wanted = {"actor": "manager", "since": "2026-11-01T00:00:00+01:00", "format": "csv"}
    assert stub.people.told[-1] == wanted


def test_a_refused_export_leaves_in_the_words_of_the_platform(as_manager: httpx.Client, stub: StubPlatform) -> None:
    stub.refusals["GET", "/v1/audit"] = problem(403, "not-allowed", "You may not.")
    answer = as_manager.post("/ui/downloads/audit", headers=OURS)
    assert (answer.status_code, answer.json()["detail"]) == (403, "You may not.")


def test_a_platform_that_is_down_is_said_so(as_manager: httpx.Client, stub: StubPlatform) -> None:
    stub.is_down = True
    for address in ADDRESSES[:2]:
        assert as_manager.post(address, json={"token": "t"}, headers=OURS).status_code == 502


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token": ""}', b'{"token": "../../users"}'])
def test_a_token_leads_nowhere_else(as_manager: httpx.Client, stub: StubPlatform, body: bytes) -> None:
    as_manager.post("/ui/downloads/key-file", content=body, headers=OURS)
    assert stub.calls[-1][1].startswith("/v1/key-files/")


def test_a_time_that_is_none_is_refused(as_manager: httpx.Client) -> None:
    assert as_manager.post("/ui/downloads/audit", json={"since": "yesterday"}, headers=OURS).status_code == 400


def test_the_root_certificate(as_manager: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(tmp_path, "https://platform.test", "127.0.0.1", 8501, 64)
    settings.ca.parent.mkdir(parents=True)
    settings.ca.write_text("-----BEGIN CERTIFICATE-----")
    monkeypatch.setattr(downloads, "load_settings", lambda: settings)
    assert as_manager.post("/ui/downloads/ca", headers=OURS).text == "-----BEGIN CERTIFICATE-----"


@pytest.mark.parametrize("address", ADDRESSES)
def test_nobody_fetches_without_a_session(web: httpx.Client, address: str) -> None:
    assert web.post(address, headers=OURS).status_code == 401


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("headers", FOREIGN)
def test_only_our_own_pages_fetch(
    as_manager: httpx.Client, stub: StubPlatform, headers: dict[str, str], address: str
) -> None:
    before = len(stub.calls)
    assert as_manager.post(address, json={"token": "tok-1"}, headers=headers).status_code == 403
    assert len(stub.calls) == before
