"""The page that the browser loads, and the files that belong to it."""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from frontend import shell
from frontend.guard import Headers
from frontend.shell import Shell
from tests.frontend.test_addresses import InProcess

FRONTEND = Path(shell.__file__).parent


async def streamlit_page(request: Request) -> Response:
    """Stands for Streamlit, which answers most addresses with its page."""
    if "if-none-match" in request.headers:
        return Response(status_code=304)
    page = HTMLResponse("<title>Streamlit</title>", headers={"ETag": "theirs", "X-Theirs": "1"})
    page.set_cookie("_streamlit_xsrf", "word")
    return page


async def static(request: Request) -> Response:
    return PlainTextResponse("font")


@pytest.fixture
def web() -> Iterator[httpx.Client]:
    routes = [Route("/app/static/{name}", static), Route("/_stcore/health", static), Route("/{path}", streamlit_page)]
    app = Starlette(routes=routes, middleware=[Middleware(Headers), Middleware(Shell)])
    with (
        start_blocking_portal() as portal,
        httpx.Client(transport=InProcess(app, portal), base_url="https://ui.test") as client,
    ):
        yield client


@pytest.mark.parametrize("headers", [{}, {"If-None-Match": "theirs"}], ids=["new", "kept"])
def test_the_page_is_ours_and_says_where_the_server_is(web: httpx.Client, headers: dict[str, str]) -> None:
    answer = web.get("/models", headers=headers)
    assert (answer.status_code, answer.text) == (200, shell.page())
    assert "<title>Signet</title>" in answer.text
    assert "BACKEND_BASE_URL: location.origin" in answer.text
    assert "Streamlit Inc" not in answer.text
    assert "agent" not in answer.text
    assert answer.headers["cache-control"] == "no-cache"
    assert "_streamlit_xsrf" in answer.headers["set-cookie"]
    assert {"etag", "x-theirs"} & set(answer.headers) == set()


def test_a_head_of_the_page_has_its_length_and_no_body(web: httpx.Client) -> None:
    answer = web.head("/models")
    assert int(answer.headers["content-length"]) == len(shell.page().encode())
    assert answer.content == b""


def test_what_is_no_page_passes_as_it_is(web: httpx.Client) -> None:
    assert web.get("/_stcore/health").text == "font"


def test_the_policy_allows_the_scripts_of_the_page_and_no_others(web: httpx.Client) -> None:
    policy = web.get("/models").headers["content-security-policy"]
    scripts = re.findall(r"<script>(.*?)</script>", shell.page(), re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts}
    assert len(hashes) == 2
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes


def test_a_page_that_we_do_not_know_is_noticed_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "CHANGES", (*shell.CHANGES, ("<title>Streamlit</title>", "")))
    with pytest.raises(ValueError, match="0 places"):
        shell.page.__wrapped__()


def test_the_font_of_the_theme_is_there_with_its_licence_and_kept_by_browsers(web: httpx.Client) -> None:
    theme = tomllib.loads((FRONTEND / ".streamlit" / "config.toml").read_text())["theme"]
    faces = [each["url"] for each in theme["fontFaces"]]
    assert theme["font"].startswith(theme["fontFaces"][0]["family"])
    names = {url.removeprefix("app/static/") for url in faces}
    assert shell.FONT in names
    found = {path.name: path.read_bytes() for path in (FRONTEND / "static").iterdir()}
    assert names | {"mark.svg", "inter-LICENSE.txt"} == set(found)
    assert all(found[name].startswith(b"wOF2") for name in names)
    assert sum(map(len, found.values())) < 150_000
    assert b"SIL OPEN FONT LICENSE" in found["inter-LICENSE.txt"]
    assert "max-age=" in web.get(f"/{faces[0]}").headers["cache-control"]
