"""The one cookie: HttpOnly, Secure, SameSite=Strict, bound to this origin by its `__Host-` prefix."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

from frontend.sessions import LIFE_SECONDS

NAME = "__Host-signet"


def set_cookie(response: Response, handle: str) -> None:
    life = int(LIFE_SECONDS)
    response.set_cookie(NAME, handle, max_age=life, path="/", secure=True, httponly=True, samesite="strict")


def clear_cookie(response: Response) -> None:
    response.delete_cookie(NAME, path="/", secure=True, httponly=True, samesite="strict")


def read_cookie(connection: HTTPConnection) -> str | None:
    """The handle that a request or a WebSocket handshake brings."""
    return connection.cookies.get(NAME)
