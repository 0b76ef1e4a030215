"""The account of who is signed in: password, second factor and sessions."""

from __future__ import annotations

from typing import cast

from signet_client.connection import Connection
from signet_client.paths import path
from signet_client.session_types import SignedInAt
from signet_client.types import NewSecondFactor


class Account:
    """The calls under `/v1/me`."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call

    def change_password(self, current: str, new: str) -> None:
        """Choose a new password; every session ends, this one too. InvalidCredentials where `current` is wrong."""
        self._call("PUT", "/v1/me/password", json={"current": current, "new": new})

    def begin_otp(self) -> NewSecondFactor:
        """A secret for an authenticator app, of no effect until it is confirmed; Conflict where there is one."""
        return cast("NewSecondFactor", self._call("POST", "/v1/me/otp"))

    def confirm_otp(self, password: str, code: str) -> list[str]:
        """Ask for a code at every sign-in from now on; the recovery codes, told this once."""
        answer = self._call("POST", "/v1/me/otp/confirm", json={"password": password, "code": code})
        return cast("list[str]", answer["recovery_codes"])

    def renew_recovery_codes(self, password: str, code: str) -> list[str]:
        """Ten new recovery codes in place of the earlier ones, told this once."""
        answer = self._call("POST", "/v1/me/otp/recovery-codes", json={"password": password, "code": code})
        return cast("list[str]", answer["recovery_codes"])

    def sessions(self) -> list[SignedInAt]:
        """Where I am signed in, the session that was used last first."""
        return cast("list[SignedInAt]", self._call("GET", "/v1/me/sessions")["items"])

    def end_session(self, session_id: str) -> None:
        """End one of my sessions; NotFound where it is over already."""
        self._call("DELETE", path("v1", "me", "sessions", session_id))

    def end_other_sessions(self) -> None:
        """Sign me out everywhere but here."""
        self._call("DELETE", "/v1/me/sessions")

    def remove_otp(self, password: str, code: str) -> None:
        """Go back to the password alone; `code` is one of the app, or a recovery code."""
        self._call("DELETE", "/v1/me/otp", json={"password": password, "code": code})
