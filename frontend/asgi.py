"""The web app as one ASGI application: Streamlit, our own addresses beside it, and the guard before both."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from frontend import downloads, routes, scored, uploads
from frontend.guard import Guard, Headers
from frontend.shell import Shell

_log = logging.getLogger("signet.ui")


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, Any] | None]:
    uploads.relay().clear()
    scored.scored_files().clear()
    yield None


def script_error(error: Exception) -> bool:
    """A fault of ours: the log has the whole of it, the page a reference to it."""
    reference = secrets.token_hex(4)
    _log.error("a page failed [%s]", reference, exc_info=error)
    st.error(
        f"Something went wrong on this page. Tell your administrator the reference **{reference}**.",
        icon=":material/error:",
    )
    return True


app = st.App(
    "main.py",
    routes=[*routes.ROUTES, *uploads.ROUTES, *downloads.ROUTES],
    middleware=[Middleware(Headers), Middleware(Guard), Middleware(Shell)],
    lifespan=lifespan,
    on_script_error=script_error,
)
