"""The place where a file is dropped; it travels in slices and never through Streamlit's own memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from frontend.settings import load_settings


def _read(ending: str) -> str:
    return Path(__file__).with_suffix(ending).read_text(encoding="utf-8")


_component = st.components.v2.component("signet_upload", html=_read(".html"), css=_read(".css"), js=_read(".js"))


def upload(options: Mapping[str, str]) -> str | None:
    """Draw the drop zone; the id of the new dataset in the run after its upload, else None."""
    limit = load_settings().max_upload_mb
    data = {"max_bytes": limit * 1024 * 1024, "limit": f"{limit} MB", "options": dict(options)}
    result = _component(key="upload", data=data, on_uploaded_change=lambda: None)
    return result.get("uploaded") or None
