"""The states that every list has: loading, empty, failed, not allowed. Errors name the request, so that it can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from frontend import session
from frontend.components.links import link
from signet_client import Forbidden, Invalid, RateLimited, SignetError, Unauthenticated, Unreachable


@contextmanager
def shown_errors(part: str = "page") -> Iterator[None]:
    """Draw what the platform refuses in here as a box, and lead to sign-in when the session is over.

    `part` tells apart the parts of one page that fail on their own.
    """
    try:
        yield
    except Unauthenticated:
        session.forget(session.ENDED)
        st.rerun()
    except SignetError as error:
        failed(error, part)


def failed(error: SignetError, part: str) -> None:
    """What went wrong, what to do, and the id under which the platform logged it."""
    with st.container(key=f"failed_{part}"):
        st.error(_text(error), icon=":material/error:")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Try again", icon=":material/refresh:", key=f"again_{part}")
            if error.request_id:
                st.caption(f"Request id `{error.request_id}`")


def _text(error: SignetError) -> str:
    if isinstance(error, Unreachable):
        return f"{error.detail} It may be starting; try again in a moment."
    if isinstance(error, Forbidden):
        return f"You may not do this. {plain(error.detail)}"
    if isinstance(error, RateLimited):
        return f"Too many requests. Try again in {error.retry_after} seconds."
    if isinstance(error, Invalid) and error.problems:
        rows = [f"- **{plain(p.field)}** {plain(p.problem)}" for p in error.problems[:10]]
        return "\n".join(["Please correct:", "", *rows])
    return plain(error.detail)


def no_access(title: str) -> None:
    """The page of somebody whose role does not open it."""
    st.warning(f"Your role does not open “{title}”. An administrator can change your role.", icon=":material/lock:")


def empty(text: str, label: str = "", address: str = "", icon: str = ":material/arrow_forward:") -> None:
    """Why there is nothing here, and the one thing to do about it."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(text, text_alignment="center")
        if label:
            link(address, label, icon=icon)


@contextmanager
def loading(height: int = 120) -> Iterator[None]:
    """A placeholder while the platform answers."""
    with st.skeleton(height):
        yield


def say(text: str) -> None:
    """Keep what was done for the next run, because a run that begins anew takes its messages along."""
    st.session_state["said"] = text


def show_said() -> None:
    """What the last run had to say."""
    if text := st.session_state.pop("said", ""):
        st.toast(text, icon=":material/check:")


def plain(text: object) -> str:
    """Text of other people as it is, with nothing in it that Markdown would act on."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|$~:&])", r"\\\1", str(text))
