"""Who collects metrics without being an administrator: a program on this machine, or one that holds the token for it."""

import hashlib
import hmac
import ipaddress

from flask import Flask, current_app, request

from backend.api.caller import ADDRESS
from backend.api.client_certificate import is_proxied
from backend.identity.authority import ensure_secret
from backend.settings import Settings

TOKEN_FILE = "metrics-token"  # noqa: S105 - the name of a file
_EXTENSION = "signet.metrics_token"
# Whoever adds one of these speaks for somebody else, who may be anywhere.
_RELAYED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via", ADDRESS)


def install(app: Flask, settings: Settings) -> None:
    """The token is made where there is none yet; whoever sets up the collection reads it from its file."""
    app.extensions[_EXTENSION] = _digest(ensure_secret(settings.certs / TOKEN_FILE))


def is_collector() -> bool:
    """Whether this request needs no person's token to read metrics; a token that is given must be the right one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        return scheme.lower() == "bearer" and hmac.compare_digest(
            _digest(token.strip()), current_app.extensions[_EXTENSION]
        )
    return _is_on_this_machine()


def _is_on_this_machine() -> bool:
    """By the connection itself. Behind a proxy an address is only what somebody says, so nobody is on this machine there."""
    if is_proxied() or any(name in request.headers for name in _RELAYED):
        return False
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
