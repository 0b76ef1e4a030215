"""Where the person who is signed in is signed in besides: seen, and ended."""

from __future__ import annotations

from functools import partial

import streamlit as st

from frontend import session
from frontend.components import signed_in_at, states, words
from frontend.components.confirm import confirm
from signet_client import NotFound
from signet_client.session_types import SignedInAt


def show() -> None:
    """The list, and the ways to end what one does not know."""
    with states.loading(160):
        found = session.api().account.sessions()
    others = [each for each in found if not each["is_current"]]
    st.caption("Whatever you do not know here, end it, and choose another password.")
    signed_in_at.listed(found, key="my_sessions", end=_end)
    if others and st.button("End all others", key="end_others", icon=":material/logout:"):
        _end_others(len(others))


def _end(each: SignedInAt) -> None:
    where = f" from {states.plain(each['address'])}" if each["address"] else ""
    confirm(
        "End this session?",
        f"**{states.plain(signed_in_at.name_of(each))}**{where} is signed out at once. What was not saved there is lost.",
        partial(_ended, each["id"]),
        verb="End it",
        done=f"{signed_in_at.name_of(each)} is signed out.",
    )


def _ended(session_id: str) -> None:
    try:
        session.api().account.end_session(session_id)
    except NotFound:
        return  # it was over already, which is what was wanted


def _end_others(count: int) -> None:
    confirm(
        "End all other sessions?",
        f"You are signed out at once in **{words.count(count, 'other place')}**: browsers, and programs that hold a token of yours. "
        "This session stays.",
        session.api().account.end_other_sessions,
        verb="End all others",
        done="You are signed in here alone.",
    )
