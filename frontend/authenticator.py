"""streamlit-authenticator with our parts; no other module imports it.

The library gives the classes and the names in `st.session_state`. Its model, controller and cookie are replaced: the API alone
knows passwords, attempts and second factors, and the library's own cookie can be read by scripts and never be revoked.
"""

from __future__ import annotations

import secrets
from typing import Any

import streamlit as st
import streamlit_authenticator as stauth
from streamlit_authenticator.controllers import AuthenticationController, CookieController
from streamlit_authenticator.models import AuthenticationModel, CookieModel
from streamlit_authenticator.utilities import Encryptor, LoginError, Validator

from frontend import upstream
from frontend.components.bridge import post_and_reload
from frontend.cookie import NAME
from frontend.sessions import SESSIONS, Visitor
from signet_client import InvalidCredentials, OtpRequired, RateLimited, SignetError


class _Accounts(AuthenticationModel):  # type: ignore[misc]
    """Asks the API whether a password is right; nothing about anybody is kept here."""

    def __init__(self) -> None:
        super().__init__(credentials={"usernames": {}}, auto_hash=False, secret_key=secrets.token_hex(32))
        self.otp = ""
        self.code = ""

    def check_credentials(self, username: str, password: str) -> bool:
        visitor = browser()
        signet = upstream.platform().with_tokens(headers=upstream.browser_headers(visitor.address))
        try:
            self.code = signet.web_sessions.begin(username, password, agent=visitor.agent, otp=self.otp or None)
        except InvalidCredentials:
            return False
        # Who it is in full, the next page learns from the cookie.
        self.credentials["usernames"] = {username: _as_library_knows(username, [])}
        return True

    def resume(self, visitor: Visitor) -> dict[str, str] | None:
        """What the library takes for a good cookie, where the handle leads to a live session."""
        entry = SESSIONS.find(visitor, active=True)
        if entry is None:
            return None
        username = entry.person["username"]
        self.credentials["usernames"] = {username: _as_library_knows(username, [entry.person["role"]])}
        return {"username": username}

    def _record_failed_login_attempts(self, username: str, reset: bool = False) -> None:  # noqa: FBT001, FBT002
        """The API counts."""


class _Cookie(CookieModel):  # type: ignore[misc]
    """The HttpOnly cookie, which only the server's own addresses set and clear."""

    def __init__(self, accounts: _Accounts) -> None:  # the parent's would mount an iframe
        self.accounts = accounts

    def get_cookie(self) -> dict[str, str] | None:
        return self.accounts.resume(browser())

    def set_cookie(self) -> None:
        post_and_reload("/ui/session", {"code": self.accounts.code}, text="Signing in …")

    def delete_cookie(self) -> None:
        post_and_reload("/ui/session/end", text="Signing out …")


class Authenticate(stauth.Authenticate):  # type: ignore[misc]
    """The library's view over our parts; the constructors of its parents would build the stock ones."""

    def __init__(self) -> None:
        self.api_key = self.path = None
        self.attrs = {"login_sleep_time": 0}
        self.accounts = _Accounts()
        self.secret_key = self.accounts.secret_key
        self.encryptor = Encryptor(self.secret_key)
        self.authentication_controller = AuthenticationController.__new__(AuthenticationController)
        self.authentication_controller.authentication_model = self.accounts
        self.authentication_controller.validator = Validator()
        self.authentication_controller.encryptor = self.encryptor
        self.cookie_controller = CookieController.__new__(CookieController)
        self.cookie_controller.cookie_model = _Cookie(self.accounts)

    def login(self, *_positions: Any, **_options: Any) -> None:
        """The form, with names that password managers understand and a step for the second factor."""
        with st.form("sign_in", border=False):
            username = st.text_input("Username", key="sign_in_username", autocomplete="username")
            password = st.text_input(
                "Password", key="sign_in_password", type="password", autocomplete="current-password"
            )
            if st.session_state.get("otp_asked"):
                self.accounts.otp = st.text_input("Code", key="sign_in_otp", autocomplete="one-time-code")
            pressed = st.form_submit_button("Sign in", key="sign_in_button", type="primary", width="stretch")
        if pressed and (refusal := self._refusal(username.strip(), password)):
            st.error(refusal, icon=":material/error:")

    def _refusal(self, username: str, password: str) -> str:
        """Why the person is not let in; does not return where they are."""
        if not (username and password):
            return "Type your username and your password."
        try:
            good = self.accounts.login(username, password)
        except OtpRequired:
            st.session_state["otp_asked"] = True
            st.rerun()
        except RateLimited as error:
            return f"Too many attempts. Wait {error.retry_after} seconds, then try again."
        except (LoginError, SignetError) as error:
            return str(error)
        if not good:
            return "Unknown user or wrong password."
        # Until the browser comes back with its cookie, this connection is nobody's.
        st.session_state.clear()
        self.cookie_controller.set_cookie()
        return ""


def browser() -> Visitor:
    """The browser whose connection this is, as its handshake described it."""
    handle, agent = st.context.cookies.get(NAME), st.context.headers.get("User-Agent")
    return Visitor(_text(handle), _text(agent), st.context.ip_address)


def _text(value: object) -> str:
    # The test runner has objects of its own in these places.
    return value if isinstance(value, str) else ""


def _as_library_knows(username: str, roles: list[str]) -> dict[str, Any]:
    return {"first_name": username, "last_name": "", "email": "", "roles": roles, "password": ""}
