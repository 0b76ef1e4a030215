"""The name of a request: what its caller gave it, where that is a name, or one of ours."""

import os
import re

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_of(given: str | None) -> str:
    """The value of `X-Request-Id` for the answer and for our own notes."""
    return given if given is not None and _NAME.fullmatch(given) else os.urandom(16).hex()
