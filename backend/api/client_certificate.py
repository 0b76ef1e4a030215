"""The certificate that a caller presented: to this server itself in the TLS handshake, or to the proxy in front of it."""

import base64
import binascii
import re
from functools import lru_cache

from flask import request

from backend.audit.events import NOBODY, Event
from backend.audit.journal import record
from backend.errors import Malformed
from backend.listener.wsgi import CLIENT_CERTIFICATE, PROXIED

# RFC 9440: one byte sequence of RFC 8941. A header that came twice arrives joined by a comma, and so does not match.
_BYTES = re.compile(r":([A-Za-z0-9+/]+={0,2}):")

# Under these names other systems hand a certificate on. X_SSL_Client_Cert is the second one by the time it arrives here.
CLAIMS = ("Client-Cert", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert")


def is_proxied() -> bool:
    """Whether the request came over the proxy's own socket, and so what it says of the caller's certificate is to be read."""
    return bool(request.environ.get(PROXIED))


def presented_certificate() -> bytes | None:
    """The caller's certificate (DER), its key proved in a TLS handshake; None where it presented none.

    Behind a proxy it is not yet known who issued it. Raises Malformed for a header that is not exactly one certificate.
    """
    if not is_proxied():
        certificate: bytes | None = request.environ.get(CLIENT_CERTIFICATE)
        return certificate
    value = request.headers.get("Client-Cert")
    if value is None:
        return None
    certificate = find_certificate(value)
    if certificate is None:
        raise _refusal("Client-Cert", "The header Client-Cert is not exactly one certificate (RFC 9440).")
    return certificate


def refuse_claims() -> None:
    """Malformed for a request that came directly and states a certificate in a header: only a proxy may, and there is none."""
    if is_proxied():
        return
    for name in CLAIMS:
        if name in request.headers:
            raise _refusal(
                name,
                "There is no proxy here that would say which certificate a caller has: present it in the TLS handshake.",
            )


@lru_cache(maxsize=256)  # the same few come with every request of a connection
def find_certificate(value: str) -> bytes | None:
    """The certificate (DER) that a header of RFC 9440 holds; None where it is not exactly one."""
    match = _BYTES.fullmatch(value.strip())
    if match is None:
        return None
    try:
        return base64.b64decode(match[1], validate=True)
    except binascii.Error:
        return None


def _refusal(header: str, detail: str) -> Malformed:
    """The error to raise, the attempt noted."""
    record(Event.REQUEST_REFUSED, actor=NOBODY, target=f"header:{header}", outcome="refused")
    return Malformed(detail)
