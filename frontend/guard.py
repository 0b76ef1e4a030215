"""What stands before Streamlit: requests come in; the doors that it leaves open are shut, and every answer gets its headers.

Streamlit serves uploads, generated files and metrics to anybody, and hands a session to whoever knows its id. Here the first
three ask for a live session, and each WebSocket carries a mark of its cookie (`server.trustedUserHeaders` in the configuration),
so that Streamlit itself refuses to continue a session under another cookie. A WebSocket that a page of another origin opens is
refused: Streamlit would take any port of localhost for its own, and ask a host of the internet which address this machine has.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from functools import cache

from anyio import to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frontend import request_ids, shell
from frontend.cookie import read_visitor
from frontend.origin import is_ours, our_host
from frontend.routes import refused, refused_by_api
from frontend.sessions import SESSIONS, Visitor, digest
from signet_client import SignetError

CLOSED = ("/_stcore/upload_file", "/_stcore/metrics", "/_stcore/agent", "/media", "/ui/uploads", "/ui/downloads")
PRIVATE = ("/ui/", "/media/", "/_stcore/")
MARK = b"x-signet-session"
STATIC = "/app/static/"
WEEK = 7 * 24 * 3600
YEAR = 365 * 24 * 3600


class Guard:
    """Refuses what needs a session without one, and marks what passes with the hash of its cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        if scope["type"] == "websocket" and "origin" in connection.headers and not is_ours(connection):
            await _close(receive, send)
            return
        visitor = read_visitor(connection)
        if scope["type"] == "http" and scope["path"].startswith(CLOSED) and (refusal := await _refusal(visitor)):
            await refusal(scope, receive, send)
            return
        await self.app(_marked(scope, visitor.handle), receive, send)


async def _refusal(visitor: Visitor) -> Response | None:
    """Why a door that needs a session stays shut; None for somebody who is signed in."""
    try:
        if await to_thread.run_sync(SESSIONS.find, visitor) is not None:
            return None
    except SignetError as error:
        return refused_by_api(error)
    return refused(401, "unauthenticated", "Sign in first.")


async def _close(receive: Receive, send: Send) -> None:
    """Refuse a WebSocket before it is one."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})


def _marked(scope: Scope, handle: str) -> Scope:
    """The request with our mark, one that it brought along itself dropped; and without the origin of a WebSocket, which is judged here."""
    dropped = {MARK, b"origin"} if scope["type"] == "websocket" else {MARK}
    headers = [(name, value) for name, value in scope["headers"] if name.lower() not in dropped]
    mark = digest(handle).encode() if handle else b"nobody"
    return {**scope, "headers": [*headers, (MARK, mark)]}


class Headers:
    """Names each request, and adds that name and the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        request_id = request_ids.begin(connection.headers.get(request_ids.HEADER))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(security_headers())
                headers.setdefault(request_ids.HEADER, request_id)
                if scope["path"].startswith(PRIVATE):
                    headers["Cache-Control"] = "no-store"
                if scope["path"].startswith(STATIC) and message["status"] == 200:
                    headers["Cache-Control"] = f"public, max-age={WEEK}"
                if _is_named(our_host(connection)):
                    headers["Strict-Transport-Security"] = f"max-age={YEAR}"
            await send(message)

        await self.app(scope, receive, send_with_headers)


@cache
def security_headers() -> dict[str, str]:
    """The same for every answer; the content security policy lets nothing in from another host."""
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _policy().items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def _policy() -> dict[str, str]:
    return {
        "default-src": "'self'",
        # Streamlit loads a component's script from a blob, and its charts compile WebAssembly.
        "script-src": " ".join(["'self'", "blob:", "'wasm-unsafe-eval'", *_inline_scripts()]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'self'",
        "object-src": "'none'",
    }


def _inline_scripts() -> list[str]:
    """The hashes of the scripts that the page holds inline."""
    scripts = re.findall(r"<script>(.*?)</script>", shell.page(), re.DOTALL)
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return [f"'sha256-{value}'" for value in hashes]


def _is_named(host: str) -> bool:
    """Whether the host is a name of its own: a browser that is told to insist on TLS for localhost insists on every port."""
    if host in {"", "localhost"} or host.endswith(".localhost"):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False
