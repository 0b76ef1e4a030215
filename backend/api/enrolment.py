"""A service fetches its certificate with a one-time token, and later renews it with the certificate itself."""

from datetime import datetime

from pydantic import Field

from backend.api.access import Allow
from backend.api.platform import Platform
from backend.api.routing import Answer, Body, Endpoints
from backend.errors import Conflict, InvalidEnrolment
from backend.identity import enrolment
from backend.identity.issuing import Issued, renew_certificate
from backend.identity.principal import Principal

endpoints = Endpoints("Certificates")

LONGEST_REQUEST = 16 * 1024
_REQUEST = Field(
    max_length=LONGEST_REQUEST, description="Certificate signing request, PEM; only its public key is used"
)


class Enrolling(Body):
    token: str = Field(max_length=256, repr=False)
    csr: str = _REQUEST


class Renewing(Body):
    csr: str = _REQUEST


class IssuedAnswer(Answer):
    certificate: str = Field(description="PEM")
    chain: str = Field(description="PEM of what signed it, up to but without the root (`/pki/ca.pem`)")
    serial_number: str = Field(description="Hexadecimal")
    not_after: datetime


@endpoints.post("/v1/enrol", access=Allow.PUBLIC, answer=IssuedAnswer, status=201, refuses=(InvalidEnrolment,))
def enrol(body: Enrolling, platform: Platform) -> Issued:
    """Exchange a one-time token and a signing request for a certificate. 401 for a token that is used or too old."""
    return enrolment.enrol(platform.settings, body.token, body.csr.encode())


@endpoints.post(
    "/v1/certificates/renew", access=Allow.CERTIFICATE, answer=IssuedAnswer, status=201, refuses=(Conflict,)
)
def renew(actor: Principal, body: Renewing, platform: Platform) -> Issued:
    """Renew the certificate with which this call is made, in the last third of its life and for a new key.

    The old one stays valid for the overlap (`SIGNET_CERTIFICATE_OVERLAP_HOURS`).
    """
    caller = f"subscriber:{actor.id}"
    return renew_certificate(platform.settings, actor.certificate, body.csr.encode(), actor=caller)
