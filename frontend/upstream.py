"""The client of nobody in particular, from which each sign-in gets its own; all share one pool of connections.

It presents the web app's own certificate. By that the API knows for whom it may open and resume sessions, and whose word it takes for
the address from which a browser comes.
"""

from __future__ import annotations

import threading

from frontend.settings import load_settings
from signet_client import Signet, Unreachable

_lock = threading.Lock()
_made: tuple[object, Signet] | None = None


def platform() -> Signet:
    """The client, made anew where the platform renewed our certificate or its authority's.

    Unreachable while the platform has not written them yet.
    """
    global _made  # noqa: PLW0603 - one for the process
    settings = load_settings()
    files = (settings.ca, settings.client_certificate)
    try:
        state = tuple((path.stat().st_mtime_ns, path.stat().st_ino) for path in files)
        with _lock:
            if _made is None or _made[0] != state:
                own = settings.client_certificate
                _made = (state, Signet(settings.reached_at, ca=settings.ca, certificate=(own, own)))
            return _made[1]
    except FileNotFoundError as error:
        raise Unreachable("The platform is still starting: its certificates do not exist yet.") from error


def browser_headers(address: str | None) -> dict[str, str]:
    """What makes the API count and record an act under the browser's address; empty where that is not known."""
    return {"Signet-Browser-Address": address} if address else {}
