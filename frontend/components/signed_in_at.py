"""Where a person is signed in: one row a session, in words by which its owner knows it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from frontend.components import lists, states, times
from signet_client.session_types import SignedInAt

_SYSTEMS = {"Android": ":material/smartphone:", "iOS": ":material/smartphone:"}


def listed(found: Sequence[SignedInAt], *, key: str, end: Callable[[SignedInAt], None] | None = None) -> None:
    """Draw them; with `end`, each but the present one has a button that calls it."""
    lists.rows(found, partial(_row, end=end), key=key)


def name_of(each: SignedInAt) -> str:
    """What the session is called: the browser, or the program, or that it said nothing."""
    return each["browser"] or "A program"


def _row(each: SignedInAt, *, end: Callable[[SignedInAt], None] | None) -> None:
    what, where, act = st.columns([5, 5, 2], vertical_alignment="center")
    with what, st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{_icon(each)} **{states.plain(name_of(each))}**", width="content")
        if each["is_current"]:
            st.badge("This one", icon=":material/check:", color="green")
    with where:
        st.markdown(_place(each["address"]))
        st.caption(_times(each), help=_in_full(each))
    if end is not None and not each["is_current"]:
        with act:
            if st.button("End", key=f"end_{each['id']}", icon=":material/logout:"):
                end(each)


def _place(address: str) -> str:
    if address in {"127.0.0.1", "::1"}:
        return "The machine of the platform"
    return states.plain(address) or "Address not known"


def _times(each: SignedInAt) -> str:
    return f"since {times.local(each['created_at'])} · last used {times.away(_seen(each))}"


def _in_full(each: SignedInAt) -> str:
    signed_in, last = times.utc(each["created_at"]), times.utc(_seen(each))
    return f"Signed in {signed_in}, last used {last}. Ends by itself {times.away(each['ends_at'])} if it is not used."


def _seen(each: SignedInAt) -> str:
    return each["seen_at"] or each["created_at"]


def _icon(each: SignedInAt) -> str:
    if not each["is_web"]:
        return ":material/terminal:"
    return _SYSTEMS.get(each["browser"].rpartition(" on ")[2], ":material/computer:")
