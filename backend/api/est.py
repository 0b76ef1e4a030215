"""Enrolment over Secure Transport (RFC 7030, RFC 8951), with which standard clients enrol and renew unattended."""

import base64
import binascii
from typing import Any

from flask import Response, request

from backend.api.access import Allow
from backend.api.enrolment import LONGEST_REQUEST
from backend.api.platform import Platform
from backend.api.routing import Endpoints
from backend.errors import Conflict, InvalidEnrolment, Malformed, TooLarge
from backend.identity import enrolment
from backend.identity.issuing import renew_certificate
from backend.identity.principal import Principal
from backend.identity.trust import subscribers_chain, without_chain

endpoints = Endpoints("Certificates")

_CERTIFICATES = "application/pkcs7-mime; smime-type=certs-only"
_ANSWER: dict[str, Any] = {"answers": {"type": "string", "format": "byte"}, "media_type": "application/pkcs7-mime"}
_REQUEST: dict[str, Any] = {
    "accepts": {"application/pkcs10": {"type": "string", "format": "byte", "maxLength": LONGEST_REQUEST}}
}


@endpoints.get("/.well-known/est/cacerts", access=Allow.PUBLIC, **_ANSWER)
def read_est_authorities(platform: Platform) -> Response:
    """The subscribers' authority and the root (PKCS#7 in base64)."""
    return _answered(subscribers_chain(platform.settings))


@endpoints.post(
    "/.well-known/est/simpleenroll", access=Allow.PUBLIC, refuses=(InvalidEnrolment,), **_REQUEST, **_ANSWER
)
def enrol_by_est(payload: bytes, platform: Platform) -> Response:
    """A certificate for a signing request (PKCS#10 in base64); the enrolment token is the password of HTTP Basic."""
    issued = enrolment.enrol(platform.settings, _password(), _signing_request(payload))
    return _answered(without_chain(issued.certificate))


@endpoints.post("/.well-known/est/simplereenroll", access=Allow.CERTIFICATE, refuses=(Conflict,), **_REQUEST, **_ANSWER)
def renew_by_est(actor: Principal, payload: bytes, platform: Platform) -> Response:
    """Renew the certificate with which this call is made, in the last third of its life and for a new key."""
    caller = f"subscriber:{actor.id}"
    issued = renew_certificate(platform.settings, actor.certificate, _signing_request(payload), actor=caller)
    return _answered(without_chain(issued.certificate))


def _answered(container: bytes) -> Response:
    response = Response(base64.encodebytes(container), content_type=_CERTIFICATES)
    response.headers["Content-Transfer-Encoding"] = "base64"  # RFC 8951 drops it; older clients look for it
    return response


def _password() -> str:
    given = request.authorization
    if given is None or given.type != "basic" or not given.password:
        raise InvalidEnrolment("Send the enrolment token as the password of HTTP Basic.")
    return given.password


def _signing_request(payload: bytes) -> bytes:
    """The request as PEM; RFC 8951 allows white space anywhere in the base64."""
    if len(payload) > LONGEST_REQUEST:
        raise TooLarge(f"A signing request has at most {LONGEST_REQUEST} bytes.")
    try:
        der = base64.b64decode(b"".join(payload.split()), validate=True)
    except binascii.Error as error:
        raise Malformed("Send the signing request as DER in base64.", cause=str(error)) from error
    name = b"CERTIFICATE REQUEST"
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (name, base64.encodebytes(der), name)
