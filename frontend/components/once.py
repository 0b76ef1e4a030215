"""What is told once: shown until the person says that they have it, and kept nowhere else.

A run that follows at once, for whatever reason, would otherwise take it off the screen before anybody read it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import streamlit as st

_KEY = "told_once"


def tell(title: str, draw: Callable[[], None], *, secret: bool = True) -> NoReturn:
    """Begin a new run, in which `draw` shows it in a dialog of its own, which warns where it is a secret."""
    st.session_state[_KEY] = (title, draw, secret)
    st.rerun()


def show_told() -> None:
    """The dialog for what the last run had to tell."""
    told = st.session_state.get(_KEY)
    if told is not None:
        title, draw, secret = told
        _show(title, draw, secret=secret)


def _show(title: str, draw: Callable[[], None], *, secret: bool) -> None:
    @st.dialog(title, width="medium", dismissible=not secret, on_dismiss=_forget)
    def telling() -> None:
        if secret:
            st.warning(
                "This is shown once. Copy it now: nobody can show it to you again.", icon=":material/visibility:"
            )
        draw()
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("I have it", key="told_done", type="primary"):
                _forget()
                st.rerun()

    telling()


def _forget() -> None:
    st.session_state.pop(_KEY, None)
