"""The place where a file is dropped; it travels in slices and never through Streamlit's own memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from frontend.settings import load_settings

TABLES = ".csv,.tsv,.txt,.parquet,.xlsx,.xls,.xlsb,.ods"


def _read(ending: str) -> str:
    return Path(__file__).with_suffix(ending).read_text(encoding="utf-8")


_component = st.components.v2.component("signet_upload", html=_read(".html"), css=_read(".css"), js=_read(".js"))


def upload(options: Mapping[str, str]) -> str | None:
    """Draw the drop zone; the id of the new dataset in the run after its upload, else None."""
    return _drop("upload", load_settings().max_upload_mb, "CSV, Parquet or Excel", TABLES, "finish", options)


def upload_rows(key: str, most_mb: int) -> str | None:
    """Draw the drop zone for a file of rows that no dataset is made of; the id of the upload in the run after it, else None."""
    most_mb = min(most_mb, load_settings().max_upload_mb)
    return _drop(key, most_mb, "CSV with a header or Parquet", ".csv,.tsv,.txt,.parquet", "keep", {})


def _drop(key: str, most_mb: int, takes: str, accept: str, finish: str, options: Mapping[str, str]) -> str | None:
    limit = f"{most_mb // 1024} GB" if most_mb % 1024 == 0 else f"{most_mb} MB"
    data = {"max_bytes": most_mb * 1024 * 1024, "limit": limit, "options": dict(options)}
    data |= {"takes": takes, "accept": accept, "finish": finish}
    result = _component(key=key, data=data, on_uploaded_change=lambda: None)
    return result.get("uploaded") or None
