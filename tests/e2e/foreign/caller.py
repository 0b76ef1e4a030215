"""Who calls, as the test tells it on standard input: address, authority, and a token or a certificate or both."""

import json
import ssl
import sys
from collections.abc import Callable
from typing import Any

_TOLD: dict[str, Any] = json.load(sys.stdin)
HOST: str = _TOLD["host"]
URL = f"https://{HOST}"
CA: str = _TOLD["ca"]
CERTIFICATE: str | None = _TOLD["certificate"]


def headers() -> dict[str, str]:
    """A new one each time: tritonclient writes into it."""
    return {"Authorization": f"Bearer {_TOLD['token']}"} if _TOLD["token"] else {}


def context(make: Callable[..., ssl.SSLContext] = ssl.create_default_context) -> ssl.SSLContext:
    """Trusts the platform's authority, and presents the certificate where there is one."""
    made = make(cafile=CA)
    if CERTIFICATE:
        made.load_cert_chain(CERTIFICATE)
    return made
