"""The way from a script on the server to a cookie in the browser: one request of the page, then a reload."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

_SCRIPT = Path(__file__).with_name("bridge.js").read_text(encoding="utf-8")
_bridge = st.components.v2.component("signet_bridge", html='<p role="status"></p>', js=_SCRIPT)


def post_and_reload(address: str, body: Mapping[str, str] | None = None, *, text: str) -> None:
    """Let the page post `body` to an address of ours and load anew; nothing after this call runs."""
    data = {"address": address, "body": dict(body or {}), "text": text, "nonce": secrets.token_hex(8)}
    _bridge(key="bridge", data=data)
    # A rerun would take the component away before it has sent anything.
    st.stop()
