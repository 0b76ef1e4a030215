"""The question before a dangerous act: it names the object and the effect, and asks for the name where nothing brings it back."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from frontend.components import states


def confirm(
    title: str,
    effect: str,
    act: Callable[[], None],
    *,
    verb: str,
    done: str = "",
    typed: str = "",
    more: Callable[[], None] | None = None,
) -> None:
    """Open the question; `act` is done when the person agrees, having typed `typed` where it is given.

    `more` draws what else is asked, under keys of its own that `act` reads.
    """

    @st.dialog(title)
    def question() -> None:
        st.markdown(effect)
        if more is not None:
            more()
        good = True
        if typed:
            st.markdown(f"Type **{states.plain(typed)}** to go on.")
            good = st.text_input("Name", key="confirm_typed", autocomplete="off") == typed
        with st.container(horizontal=True, horizontal_alignment="right"), states.shown_errors("confirm"):
            if st.button("Keep as it is", key="confirm_no"):
                st.rerun()
            if st.button(verb, key="confirm_yes", type="primary", disabled=not good):
                act()
                states.say(done)
                st.rerun()

    question()
