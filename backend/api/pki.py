"""What the public fetches to verify certificates: the root, the subscribers' authority and its revocation list."""

from typing import Any

from flask import Response

from backend.api.access import Allow
from backend.api.platform import Platform
from backend.api.routing import Endpoints
from backend.identity.revocation_list import read_revocation_list
from backend.identity.trust import root_pem, subscribers_authority_der

endpoints = Endpoints("Certificates")

_PEM, _CERTIFICATE, _LIST = "application/x-pem-file", "application/pkix-cert", "application/pkix-crl"
_PUBLIC: dict[str, Any] = {"access": Allow.PUBLIC, "answers": {"type": "string", "format": "binary"}}


@endpoints.get("/pki/ca.pem", media_type=_PEM, **_PUBLIC)
def read_root(platform: Platform) -> Response:
    """The root, which a client of this server trusts (PEM)."""
    return Response(root_pem(platform.settings), content_type=_PEM)


@endpoints.get("/pki/subscribers-ca.cer", media_type=_CERTIFICATE, **_PUBLIC)
def read_subscribers_authority(platform: Platform) -> Response:
    """The authority that issues to subscribers (DER)."""
    return Response(subscribers_authority_der(platform.settings), content_type=_CERTIFICATE)


@endpoints.get("/pki/subscribers.crl", media_type=_LIST, **_PUBLIC)
def read_subscribers_revocations(platform: Platform) -> Response:
    """The subscribers' certificates that were taken back (CRL, DER), made anew at each revocation and each day."""
    return Response(read_revocation_list(platform.settings), content_type=_LIST)
