"""Sessions of people in the platform's own web app, which alone may make these calls, by its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from signet_client.connection import Connection
from signet_client.errors import InvalidCredentials, NotFound
from signet_client.session_types import NewWebSession, WebSession


class WebSessions:
    """The calls under `/v1/web-sessions`; `agent` is the browser's `User-Agent` in each of them."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call

    def begin(self, username: str, password: str, *, agent: str, otp: str | None = None) -> str:
        """Sign a person in: a code, good once and for 30 seconds. InvalidCredentials, OtpRequired as at a sign-in."""
        body = {"username": username, "password": password, "agent": agent} | ({"otp": otp} if otp else {})
        return cast("str", self._call("POST", "/v1/web-sessions", json=body)["code"])

    def exchange(self, code: str, *, agent: str) -> NewWebSession | None:
        """What the browser's cookie is to hold; None for a code that is unknown, used or late."""
        body = {"code": code, "agent": agent}
        return cast("NewWebSession | None", self._found("/v1/web-sessions/exchange", body))

    def resume(self, handle: str, *, agent: str, active: bool) -> WebSession | None:
        """The person behind a handle, with a fresh access token; None where the session is over."""
        body = {"handle": handle, "agent": agent, "active": active}
        return cast("WebSession | None", self._found("/v1/web-sessions/resume", body))

    def end(self, handle: str) -> None:
        """End the session everywhere and at once; nothing happens where there is none."""
        self._call("DELETE", "/v1/web-sessions/current", json={"handle": handle})

    def _found(self, address: str, body: Mapping[str, object]) -> object:
        try:
            found: object = self._call("POST", address, json=body)
            return found
        except (InvalidCredentials, NotFound):
            return None
