"""Our own addresses and the guard before Streamlit, asked by plain HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from frontend import relay, routes, uploads
from frontend.cookie import NAME
from frontend.guard import Guard, Headers
from frontend.relay import Relay
from frontend.sessions import digest
from tests.frontend.conftest import AGENT, code_for
from tests.frontend.stub import StubPlatform

ORIGIN = "https://ui.test"
OURS = {"X-Signet-UI": "1", "Origin": ORIGIN}


async def echo(request: Request) -> PlainTextResponse:
    """Stands for Streamlit: says with which mark it was called."""
    return PlainTextResponse(request.headers.get("x-signet-session", "none"))


class InProcess(httpx.BaseTransport):
    """Calls an ASGI application without a network, from code that is not asynchronous."""

    def __init__(self, app: Starlette, portal: BlockingPortal) -> None:
        self.transport, self.portal = httpx.ASGITransport(app), portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self.portal.call(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self.transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Relay:
    made = Relay(tmp_path / "incoming", max_bytes=1 << 20)
    made.clear()
    monkeypatch.setattr(uploads, "relay", lambda: made)
    monkeypatch.setattr(relay, "SPARE_BYTES", 0)
    return made


@pytest.fixture
def web(spool: Relay, stub: StubPlatform) -> Iterator[httpx.Client]:
    app = Starlette(
        routes=[*routes.ROUTES, *uploads.ROUTES, Route("/{path:path}", echo, methods=["GET", "PUT", "POST"])],
        middleware=[Middleware(Headers), Middleware(Guard)],
    )
    with start_blocking_portal() as portal, httpx.Client(transport=InProcess(app, portal), base_url=ORIGIN) as client:
        client.headers["User-Agent"] = AGENT
        yield client


@pytest.fixture
def handle(web: httpx.Client, stub: StubPlatform) -> str:
    """The cookie of a browser that has signed in; the client holds it from now on."""
    answer = web.post("/ui/session", json={"code": code_for("expert")}, headers=OURS)
    assert answer.status_code == 204
    return web.cookies[NAME]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(web: httpx.Client, stub: StubPlatform) -> None:
    answer = web.post("/ui/session", json={"code": code_for("expert")}, headers=OURS)
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= parts
    assert not any(part.startswith("domain") for part in parts)
    assert answer.headers["set-cookie"].startswith("__Host-")


def test_a_code_gives_one_cookie(web: httpx.Client, stub: StubPlatform) -> None:
    code = code_for("expert")
    assert web.post("/ui/session", json={"code": code}, headers=OURS).status_code == 204
    assert web.post("/ui/session", json={"code": code}, headers=OURS).status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"code": 1}', b'{"code": "' + b"x" * 9000 + b'"}'])
def test_no_cookie_for_nonsense(web: httpx.Client, body: bytes) -> None:
    answer = web.post("/ui/session", content=body, headers=OURS)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


FOREIGN = [
    {},
    {"X-Signet-UI": "1"},
    {"Origin": ORIGIN},
    {"X-Signet-UI": "1", "Origin": "https://evil.test"},
    {"X-Signet-UI": "1", "Origin": "null"},
    {**OURS, "Sec-Fetch-Site": "cross-site"},
    {**OURS, "Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("address", ["/ui/session", "/ui/session/end", "/ui/session/state"])
def test_only_our_own_pages_may_post(
    web: httpx.Client, stub: StubPlatform, headers: dict[str, str], address: str
) -> None:
    code = code_for("expert")
    assert web.post(address, json={"code": code}, headers=headers).status_code == 403
    assert code in stub.codes


def test_a_replayed_cookie_is_refused_after_the_end(web: httpx.Client, handle: str, stub: StubPlatform) -> None:
    assert web.get("/media/x").status_code == 200
    assert web.post("/ui/session/end", headers=OURS).status_code == 204
    assert NAME not in web.cookies
    web.cookies.set(NAME, handle)
    assert web.get("/media/x").status_code == 401
    assert not stub.handles
    assert not stub.sessions


def test_a_second_sign_in_ends_the_first(web: httpx.Client, handle: str, stub: StubPlatform) -> None:
    web.post("/ui/session", json={"code": code_for("expert")}, headers=OURS)
    assert list(stub.handles) == [web.cookies[NAME]] != [handle]


def test_the_end_is_the_end_even_when_the_platform_is_down(web: httpx.Client, handle: str, stub: StubPlatform) -> None:
    stub.is_down = True
    assert web.post("/ui/session/end", headers=OURS).status_code == 204
    assert NAME not in web.cookies
    stub.is_down = False
    web.cookies.set(NAME, handle)
    assert web.get("/media/x").status_code == 401
    assert not stub.handles


def test_a_page_asks_whether_its_session_lives_and_keeps_it_alive_by_nothing(
    web: httpx.Client, handle: str, stub: StubPlatform
) -> None:
    assert web.post("/ui/session/state", headers=OURS).status_code == 204
    assert [body["active"] for call, body in stub.web if call.endswith("/resume")] == [False]
    web.cookies.set(NAME, "another")
    assert web.post("/ui/session/state", headers=OURS).status_code == 401
    stub.is_down = True
    web.cookies.set(NAME, "a third")
    assert web.post("/ui/session/state", headers=OURS).status_code == 502


DOORS = ["/_stcore/upload_file/s/f", "/media/0.png", "/_stcore/metrics", "/_stcore/agent/openapi.json"]


@pytest.mark.parametrize("address", DOORS)
@pytest.mark.parametrize("cookie", [None, "guess"])
def test_the_doors_of_streamlit_are_shut(web: httpx.Client, address: str, cookie: str | None) -> None:
    if cookie:
        web.cookies.set(NAME, cookie)
    assert web.get(address).status_code == 401
    assert web.put(address, content=b"x").status_code == 401


@pytest.mark.parametrize("address", DOORS[:2])
def test_they_open_for_a_live_session(web: httpx.Client, handle: str, address: str) -> None:
    assert web.get(address).status_code == 200


def test_each_connection_carries_the_mark_of_its_cookie(web: httpx.Client, handle: str) -> None:
    assert web.get("/", headers={"X-Signet-Session": "forged"}).text == digest(handle)
    web.cookies.clear()
    assert web.get("/", headers={"X-Signet-Session": digest(handle)}).text == "nobody"


@pytest.mark.parametrize("address", ["/", "/media/x", "/ui/session", "/_stcore/health"])
def test_every_answer_has_the_headers(web: httpx.Client, address: str) -> None:
    headers = web.get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert "'unsafe-eval'" not in policy
    sources = {name: set(words) for name, *words in (part.split() for part in policy.split(";"))}
    scripts = {word for word in sources.pop("script-src") if not word.startswith("'sha256-")}
    assert scripts == {"'self'", "blob:", "'wasm-unsafe-eval'"}
    # Inline styles are the one thing that Streamlit cannot do without; nothing comes from another host.
    assert sources.pop("style-src") == {"'self'", "'unsafe-inline'"}
    assert set().union(*sources.values()) == {"'self'", "'none'", "data:", "blob:"}
    assert "'sha256-" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501"])
def test_localhost_is_not_told_to_insist_on_tls_everywhere(web: httpx.Client, host: str) -> None:
    assert "strict-transport-security" not in web.get("/", headers={"Host": host}).headers


def send(web: httpx.Client, content: bytes, *, name: str = "t.csv", step: int = 100) -> str:
    """The id of an upload whose slices have all arrived."""
    begun = web.post("/ui/uploads", json={"filename": name, "size": len(content)}, headers=OURS)
    assert begun.status_code == 201, begun.text
    upload_id: str = begun.json()["id"]
    for offset in range(0, len(content), step):
        answer = put(web, upload_id, offset, content[offset : offset + step])
        assert answer.status_code == 200, answer.text
    return upload_id


def put(web: httpx.Client, upload_id: str, offset: int, piece: bytes, sha256: str = "") -> httpx.Response:
    headers = {**OURS, "X-Slice-SHA256": sha256 or hashlib.sha256(piece).hexdigest()}
    return web.put(f"/ui/uploads/{upload_id}/slices/{offset}", content=piece, headers=headers)


def test_an_upload_goes_through_whole(web: httpx.Client, handle: str, stub: StubPlatform, spool: Relay) -> None:
    content = b"a,b\n" + b"1,2\n" * 100
    upload_id = send(web, content)
    options = {"name": "mine", "header": "true", "sheet": "", "evil": "x"}
    answer = web.post(f"/ui/uploads/{upload_id}/finish", json=options, headers=OURS)
    assert (answer.status_code, answer.json()["name"]) == (201, "uploaded")
    sent = stub.bodies[stub.calls.index(("POST", "/v1/datasets"))]
    assert content in sent
    assert b'filename="t.csv"' in sent
    assert b'name="header"\r\n\r\ntrue' in sent
    assert b"evil" not in sent
    assert b'name="sheet"' not in sent
    assert list(spool.folder.iterdir()) == []


def test_a_bad_file_is_explained_in_the_words_of_the_platform(web: httpx.Client, handle: str, spool: Relay) -> None:
    answer = web.post(f"/ui/uploads/{send(web, b'broken')}/finish", json={}, headers=OURS)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "Row 3 has 2 values, the header has 5."
    assert answer.json()["request_id"] == "req-42"
    assert list(spool.folder.iterdir()) == []


def test_a_platform_that_is_down_is_said_so(web: httpx.Client, handle: str, stub: StubPlatform) -> None:
    upload_id = send(web, b"a,b\n1,2\n")
    stub.is_down = True
    answer = web.post(f"/ui/uploads/{upload_id}/finish", json={}, headers=OURS)
    assert (answer.status_code, answer.json()["code"]) == (502, "unreachable")


def test_a_slice_may_come_twice_but_not_out_of_order(web: httpx.Client, handle: str) -> None:
    upload_id = web.post("/ui/uploads", json={"filename": "t", "size": 30}, headers=OURS).json()["id"]
    assert put(web, upload_id, 10, b"x" * 10).status_code == 409
    assert put(web, upload_id, 0, b"x" * 10).json() == {"received": 10}
    again = put(web, upload_id, 0, b"x" * 10)
    assert (again.status_code, again.json()["received"]) == (409, 10)


def test_a_damaged_slice_is_refused_and_can_be_sent_again(web: httpx.Client, handle: str) -> None:
    upload_id = web.post("/ui/uploads", json={"filename": "t", "size": 10}, headers=OURS).json()["id"]
    assert put(web, upload_id, 0, b"damaged...", hashlib.sha256(b"0123456789").hexdigest()).status_code == 422
    assert web.post(f"/ui/uploads/{upload_id}/finish", json={}, headers=OURS).status_code == 409
    assert put(web, upload_id, 0, b"0123456789").status_code == 200


def test_nothing_beyond_the_announced_size(web: httpx.Client, handle: str) -> None:
    upload_id = web.post("/ui/uploads", json={"filename": "t", "size": 5}, headers=OURS).json()["id"]
    assert put(web, upload_id, 0, b"0123456789").status_code == 413


@pytest.mark.parametrize("size", [0, -1, (1 << 20) + 1])
def test_sizes_have_a_limit(web: httpx.Client, handle: str, size: int) -> None:
    answer = web.post("/ui/uploads", json={"filename": "t", "size": size}, headers=OURS)
    assert (answer.status_code, answer.json()["detail"][:27]) == (413, "A file may have up to 1 MB,")


@pytest.mark.parametrize("size", [None, "10", 1.5])
def test_a_size_is_a_number(web: httpx.Client, handle: str, size: object) -> None:
    assert web.post("/ui/uploads", json={"filename": "t", "size": size}, headers=OURS).status_code == 400


def test_uploads_at_once_have_a_limit(web: httpx.Client, handle: str) -> None:
    asked = [web.post("/ui/uploads", json={"filename": "t", "size": 9}, headers=OURS) for _ in range(4)]
    assert [answer.status_code for answer in asked] == [201, 201, 201, 429]
    first = asked[0].json()["id"]
    assert web.delete(f"/ui/uploads/{first}", headers=OURS).status_code == 204
    assert web.post("/ui/uploads", json={"filename": "t", "size": 9}, headers=OURS).status_code == 201


def test_nobody_reaches_the_upload_of_another(web: httpx.Client, handle: str, stub: StubPlatform) -> None:
    upload_id = send(web, b"secret")
    web.cookies.clear()
    assert web.post("/ui/session", json={"code": code_for("scientist")}, headers=OURS).status_code == 204
    for answer in (
        put(web, upload_id, 0, b"x"),
        web.post(f"/ui/uploads/{upload_id}/finish", json={}, headers=OURS),
        web.delete(f"/ui/uploads/{upload_id}", headers=OURS),
    ):
        assert answer.status_code == 404


def test_uploads_need_a_session_and_a_page_of_ours(web: httpx.Client, handle: str) -> None:
    upload_id = send(web, b"x")
    assert web.post(f"/ui/uploads/{upload_id}/finish", json={}, headers={}).status_code == 403
    web.cookies.clear()
    assert web.post("/ui/uploads", json={"filename": "t", "size": 9}, headers=OURS).status_code == 401


def test_what_an_earlier_process_left_is_removed(spool: Relay) -> None:
    (spool.folder / "old.part").write_bytes(b"x")
    spool.clear()
    assert list(spool.folder.iterdir()) == []
    assert spool.folder.stat().st_mode & 0o777 == 0o700


def test_forgotten_uploads_are_swept(spool: Relay) -> None:
    old = spool.begin("somebody", "t", 9)
    old.touched_at -= relay.STALE_SECONDS + 1
    spool.begin("somebody", "t", 9)
    assert not old.path.exists()
