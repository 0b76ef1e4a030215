"""The name of a request, by which an answer finds its line in the log: `X-Request-Id`, as the API has it."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

HEADER = "X-Request-Id"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def begin(given: str | None) -> str:
    """The name of the request that begins: what its sender called it, where that is a name, or one of ours."""
    name = given if given and _NAME.fullmatch(given) else secrets.token_hex(16)
    _current.set(name)
    return name


def current() -> str:
    """The name of the request that is being answered."""
    return _current.get()
