"""What makes every tab of a browser notice that its session was ended in another one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_component = st.components.v2.component("signet_farewell", html="<span></span>", js=_SCRIPT)


def listen() -> None:
    """Load this page anew when another tab of the browser signs out."""
    _component(key="farewell")
