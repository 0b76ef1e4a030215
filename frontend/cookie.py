"""The one cookie: HttpOnly, Secure, SameSite=Strict, bound to this origin by its `__Host-` prefix."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

from frontend.sessions import Visitor

NAME = "__Host-signet"


def set_cookie(response: Response, handle: str, max_age: int) -> None:
    """`max_age` in seconds; the API ends the session earlier where it is not used."""
    response.set_cookie(NAME, handle, max_age=max_age, path="/", secure=True, httponly=True, samesite="strict")


def clear_cookie(response: Response) -> None:
    response.delete_cookie(NAME, path="/", secure=True, httponly=True, samesite="strict")


def read_visitor(connection: HTTPConnection) -> Visitor:
    """Whose browser a request or a WebSocket handshake comes from."""
    address = connection.client.host if connection.client else None
    handle = connection.cookies.get(NAME, "")
    return Visitor(handle, connection.headers.get("user-agent", ""), address)
