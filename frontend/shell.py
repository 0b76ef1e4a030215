"""The one HTML page that the browser loads: Streamlit's own comes in, ours goes out, with our name, icon and font.

Streamlit's script looks for its server under the page's own address first (`/models/_stcore/health`), which is a 404 for each page but
Home (streamlit/streamlit#7074). Ours says where the server is.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import streamlit
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FONT = "inter-latin.woff2"
HEAD = """\
<link rel="icon" type="image/svg+xml" href="./app/static/mark.svg" />
    <script>window.__streamlit = { BACKEND_BASE_URL: location.origin }</script>"""
# What we put in the place of what Streamlit says; each must be found once, or its page has changed.
CHANGES = (
    (r"<!--.*?-->\s*(?=<!DOCTYPE)", ""),
    (r"<title>.*?</title>", "<title>Signet</title>"),
    (r'<link rel="shortcut icon"[^>]*>', HEAD),
    (r'href="\./static/media/[^"]*\.woff2"', f'href="./app/static/{FONT}"'),
    (r'<!--[^>]*RFC 8631.*?<link rel="service-desc"[^>]*>', ""),
    (r"<noscript>.*?</noscript>", "<noscript><p>Signet needs JavaScript.</p></noscript>"),
)
# A page that the browser has kept would be confirmed by the time stamp of Streamlit's file.
CONDITIONS = (b"if-none-match", b"if-modified-since")


@cache
def page() -> str:
    """The page; ValueError where Streamlit's is not the one that we know."""
    text = (Path(streamlit.__file__).with_name("static") / "index.html").read_text(encoding="utf-8")
    for pattern, ours in CHANGES:
        text, found = re.subn(pattern, ours.replace("\\", r"\\"), text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"Streamlit's page has {found} places that look like {pattern}.")
    return text


class Shell:
    """Answers with our page wherever Streamlit would with its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.body = app, page().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self.app(scope, receive, send)
            return
        is_page = False

        async def send_ours(message: Message) -> None:
            nonlocal is_page
            if message["type"] == "http.response.start":
                is_page = message["status"] == 200 and _is_html(message)
                await send(_headed(message, self.body) if is_page else message)
            elif not is_page:
                await send(message)
            elif not message.get("more_body"):
                await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})

        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in CONDITIONS]
        await self.app({**scope, "headers": headers}, receive, send_ours)


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")


def _headed(start: Message, body: bytes) -> Message:
    ours = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-cache"),
        *((name, value) for name, value in start["headers"] if name.lower() == b"set-cookie"),
    ]
    return {**start, "headers": ours}
