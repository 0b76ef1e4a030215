"""What is told once: shown in the run after the one that made it, and kept nowhere."""

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
    told = st.session_state.pop(_KEY, None)
    if told is not None:
        title, draw, secret = told
        _show(title, draw, secret=secret)


def _show(title: str, draw: Callable[[], None], *, secret: bool) -> None:
    @st.dialog(title, width="medium", dismissible=not secret)
    def telling() -> None:
        if secret:
            st.warning(
                "This is shown once. Copy it now: nobody can show it to you again.", icon=":material/visibility:"
            )
        draw()
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("I have it", key="told_done", type="primary"):
                st.rerun()

    telling()
