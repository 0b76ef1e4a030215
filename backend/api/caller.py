"""From which address a request comes: that of its connection, or what our own web app says of the browser that it works for.

People of the web app all reach the API from the machine on which it runs. Were that their address, whoever fails to sign in there
would slow everybody. The web app shows by a secret of this home that it is to be believed; nobody else can state an address.
"""

import hashlib
import hmac
import ipaddress

from flask import Flask, current_app, request

from backend.identity.authority import ensure_secret
from backend.settings import Settings

TOKEN_FILE = "web-app-token"  # noqa: S105 - the name of a file
ADDRESS, TOKEN = "Signet-Browser-Address", "Signet-Web-App-Token"
_EXTENSION = "signet.web_app"


def install(app: Flask, settings: Settings) -> None:
    """The secret is made where there is none yet; the web app reads it from its file."""
    app.extensions[_EXTENSION] = _digest(ensure_secret(settings.certs / TOKEN_FILE))


def caller_address() -> str:
    """The caller's address as text; empty where there is none, as on a Unix socket."""
    stated, token = request.headers.get(ADDRESS, ""), request.headers.get(TOKEN, "")
    if stated and hmac.compare_digest(_digest(token), current_app.extensions[_EXTENSION]) and _is_address(stated):
        return stated
    return request.remote_addr or ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
