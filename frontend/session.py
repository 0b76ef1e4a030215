"""Who is signed in: a browser's cookie comes in, a person and their client go out."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from frontend import authenticator
from frontend.authenticator import Authenticate
from frontend.sessions import SESSIONS, SignedIn, digest
from signet_client import SessionEnded, Signet, SignetError

ENDED = "Your session ended. Sign in again."


def find_signed_in(*, active: bool = False) -> SignedIn | None:
    """The live session of this browser; state that came about under another cookie counts for nothing."""
    visitor = authenticator.browser()
    if st.session_state.get("mark") != digest(visitor.handle):
        return None
    return SESSIONS.find(visitor, active=active)


def resume() -> SignedIn | None:
    """The session of this run, taken up from the cookie where the page is new; None where nobody is signed in."""
    if entry := find_signed_in(active=True):
        return entry
    if "mark" in st.session_state:
        forget(ENDED)
    authenticate = Authenticate()
    token = authenticate.cookie_controller.get_cookie()
    if token is None:
        return None
    authenticate.accounts.login(None, None, token=token)
    st.session_state["mark"] = digest(authenticator.browser().handle)
    return find_signed_in(active=True)


def sign_in_form() -> None:
    """The form of the sign-in page, under what there is to say about the last session."""
    if notice := st.session_state.get("notice") or (ENDED if authenticator.browser().handle else ""):
        st.info(notice, icon=":material/info:")
    Authenticate().login()


def sign_out() -> None:
    """End the session everywhere, and clear the cookie."""
    authenticate = Authenticate()
    authenticate.accounts.logout()
    st.session_state.clear()
    try:
        SESSIONS.end(authenticator.browser())
    except SignetError:
        st.toast("The platform could not be told. The session ends by itself.")
    authenticate.cookie_controller.delete_cookie()


def forget(notice: str = "") -> None:
    """Drop everything that this connection knows of a person; a session that was its own is over."""
    visitor = authenticator.browser()
    if st.session_state.get("mark") == digest(visitor.handle):
        # The page must not take up again what just refused it; where the API cannot be told, the sign-in page says so.
        with suppress(SignetError):
            SESSIONS.end(visitor)
    st.session_state.clear()
    if notice:
        st.session_state["notice"] = notice


def signed_in() -> SignedIn:
    """The session that a page works for; SessionEnded where it is over."""
    entry = find_signed_in()
    if entry is None:
        raise SessionEnded(ENDED, status=401)
    return entry


def api() -> Signet:
    """The client of the person who is signed in: the one way from a page to the platform."""
    return signed_in().signet


def may(permission: str | None) -> bool:
    """Whether a page for this permission is to be offered; the API decides again on every call."""
    return permission is None or permission in signed_in().person.get("permissions", [])
