"""A button that fetches a file from an address of ours: its bytes pass neither Streamlit's memory nor its public folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st


def _read(ending: str) -> str:
    return Path(__file__).with_suffix(ending).read_text(encoding="utf-8")


_component = st.components.v2.component("signet_download", html=_read(".html"), css=_read(".css"), js=_read(".js"))


def download(
    label: str,
    address: str,
    *,
    key: str,
    filename: str,
    body: Mapping[str, str] | None = None,
    once: bool = False,
    proof: bool = False,
) -> None:
    """Draw the button; it posts `body` and saves the answer, or says why there is none. `once`: not a second time.

    `proof`: the person's password goes with it, typed beside the button and known to the browser alone.
    """
    data = {"label": label, "address": address, "filename": filename, "body": dict(body or {}), "once": once}
    data["proof"] = proof
    _component(key=key, data=data)
