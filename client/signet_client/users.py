"""Users: the people who sign in, kept by administrators."""

from __future__ import annotations

from typing import cast

from signet_client.connection import Connection
from signet_client.paths import path
from signet_client.session_types import SignedInAt
from signet_client.types import Role, RolePermissions, User


class Users:
    """The calls under `/v1/users`, and the table of roles."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call

    def roles(self) -> list[RolePermissions]:
        """What each role may do."""
        return cast("list[RolePermissions]", self._call("GET", "/v1/roles")["items"])

    def sessions(self, user_id: str) -> list[SignedInAt]:
        """Where the person is signed in."""
        return cast("list[SignedInAt]", self._call("GET", path("v1", "users", user_id, "sessions"))["items"])

    def list(self) -> list[User]:
        return cast("list[User]", self._call("GET", "/v1/users")["items"])

    def get(self, user_id: str) -> User:
        return cast("User", self._call("GET", path("v1", "users", user_id)))

    def create(self, username: str, password: str, role: Role) -> User:
        body = {"username": username, "password": password, "role": role}
        return cast("User", self._call("POST", "/v1/users", json=body))

    def set_role(self, user_id: str, role: Role) -> User:
        return self._change(user_id, {"role": role})

    def set_password(self, user_id: str, password: str) -> User:
        """Another password; every session of the person ends."""
        return self._change(user_id, {"password": password})

    def disable(self, user_id: str) -> User:
        """Let the person in no more, from the next request on."""
        return self._change(user_id, {"disabled": True})

    def enable(self, user_id: str) -> User:
        return self._change(user_id, {"disabled": False})

    def reset_otp(self, user_id: str) -> None:
        """Take a lost second factor away: the password alone lets the person in again."""
        self._call("DELETE", path("v1", "users", user_id, "otp"))

    def end_sessions(self, user_id: str) -> None:
        """Sign the person out everywhere, at once."""
        self._call("DELETE", path("v1", "users", user_id, "sessions"))

    def delete(self, user_id: str) -> None:
        self._call("DELETE", path("v1", "users", user_id))

    def _change(self, user_id: str, body: dict[str, object]) -> User:
        return cast("User", self._call("PATCH", path("v1", "users", user_id), json=body))
