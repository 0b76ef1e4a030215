"""What makes every tab of a browser notice that its session is over: ended in another tab, elsewhere, or by doing nothing."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_component = st.components.v2.component("signet_farewell", html="<span></span>", js=_SCRIPT)


def listen() -> None:
    """Load this page anew when its session is over; a page that is only looked at keeps no session alive."""
    _component(key="farewell")
