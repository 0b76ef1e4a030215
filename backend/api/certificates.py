"""Certificates, kept by managers: issued, listed, taken back."""

from datetime import datetime, timedelta

from flask import Response
from pydantic import Field, model_validator

from backend.api.enrolment import LONGEST_REQUEST, IssuedAnswer
from backend.api.platform import Platform
from backend.api.routing import Answer, Body, Endpoints, Query
from backend.database import now
from backend.errors import Conflict, Gone, TooManyRequests
from backend.identity import certificates
from backend.identity.certificates import CertificateState
from backend.identity.issuing import Issued, issue_certificate, renewable_from
from backend.identity.key_files import fetch_key_file, keep_to_be_fetched, make_key
from backend.identity.principal import Permission, Principal
from backend.identity.revocation import revoke_certificate
from backend.identity.sessions import verify_signed_in_lately
from backend.identity.signing_in import verify_proof
from backend.identity.subscriber_tables import Certificate
from backend.identity.subscribers import get_subscriber
from backend.identity.users import get_user

endpoints = Endpoints("Certificates")

_PKCS12 = "application/x-pkcs12"
_FILE = {"type": "string", "format": "binary"}


class CertificateRequest(Body):
    """Either a signing request, or `generate`: the key is made here and fetched once."""

    csr: str | None = Field(None, max_length=LONGEST_REQUEST, description="PEM; only its public key is used")
    generate: bool = False

    @model_validator(mode="after")
    def _one_of_two(self) -> "CertificateRequest":
        if (self.csr is None) is not self.generate:
            raise ValueError('send either "csr" or "generate": true')
        return self


class NewCertificateAnswer(IssuedAnswer):
    password: str | None = Field(None, description="Of a key made here: opens the file; told this once")
    download: str | None = Field(None, description="Of a key made here: where its PKCS#12 file can be fetched, once")
    download_expires_at: datetime | None = None


class PasswordProof(Body):
    password: str = Field(max_length=1024, repr=False, description="Of the person who calls")
    otp: str | None = Field(
        None, max_length=64, repr=False, description="As at sign-in, of those who have a second factor"
    )


class Revoking(Body):
    reason: str = Field("unspecified", max_length=64, description="One of RFC 5280's words", examples=["keyCompromise"])


class CertificateQuery(Query):
    subscriber: str | None = Field(
        None, pattern=r"^[0-9a-f-]{1,36}$", description="Only those of the subscriber with this id"
    )
    state: CertificateState | None = None
    expiring_within_days: int | None = Field(None, ge=0, le=3650, description="Only valid ones that end by then")


class CertificateAnswer(Answer):
    serial_number: str = Field(description="Hexadecimal")
    fingerprint: str = Field(description="SHA-256 of the certificate, hexadecimal")
    subscriber_id: str | None
    subscriber: str | None = Field(description="Its name; null where it was removed")
    state: CertificateState
    not_before: datetime
    not_after: datetime
    renewable_from: datetime
    issued_by: str
    issued_at: datetime
    revoked_at: datetime | None
    revocation_reason: str | None
    replaced_at: datetime | None = Field(description="When it ends because it was renewed")
    certificate: str = Field(description="PEM")


class CertificateList(Answer):
    items: list[CertificateAnswer]


@endpoints.post(
    "/v1/subscribers/{subscriber_id}/certificates",
    access=Permission.MANAGE_SUBSCRIBERS,
    answer=NewCertificateAnswer,
    status=201,
)
def create_certificate(
    subscriber_id: str, actor: Principal, body: CertificateRequest, platform: Platform
) -> Issued | dict[str, object]:
    """Issue a certificate for a signing request, or for a key made here, whose file is fetched once within ten minutes."""
    subscriber = get_subscriber(subscriber_id)
    if body.csr is not None:
        return issue_certificate(platform.settings, subscriber, body.csr.encode(), actor=actor.name)
    made = make_key(platform.settings, subscriber, actor=actor.name)
    waiting = keep_to_be_fetched(made, actor=actor.name)
    answer = IssuedAnswer.model_validate(made.issued).model_dump()
    address = {"download": f"/v1/key-files/{waiting.token}", "download_expires_at": waiting.expires_at}
    return answer | address | {"password": made.password}


@endpoints.get(
    "/v1/key-files/{token}",
    access=Permission.MANAGE_SUBSCRIBERS,
    answers=_FILE,
    media_type=_PKCS12,
    refuses=(Gone,),
)
def read_key_file(token: str, actor: Principal) -> Response:
    """The PKCS#12 file of a key made here, once and only for who asked for it. 410 the second time.

    401 with the code `proof-required` for who signed in more than ten minutes ago: then POST the password.
    """
    verify_signed_in_lately(actor.session_id)
    return _sent(fetch_key_file(token, actor=actor.name))


@endpoints.post(
    "/v1/key-files/{token}",
    access=Permission.MANAGE_SUBSCRIBERS,
    answers=_FILE,
    media_type=_PKCS12,
    refuses=(Gone, TooManyRequests),
)
def prove_and_read_key_file(token: str, actor: Principal, body: PasswordProof, platform: Platform) -> Response:
    """The same, whenever one signed in, for who gives their password again. A wrong one is answered as at `POST /login`."""
    verify_proof(platform.settings, get_user(actor.id), actor.session_id, body.password, body.otp)
    return _sent(fetch_key_file(token, actor=actor.name))


@endpoints.get("/v1/certificates", access=Permission.MANAGE_SUBSCRIBERS, answer=CertificateList)
def list_certificates(query: CertificateQuery) -> dict[str, object]:
    """Certificates, the one that ends first first."""
    days = query.expiring_within_days
    rows = certificates.list_certificates(
        subscriber_id=query.subscriber,
        state=query.state,
        expiring_within=None if days is None else timedelta(days=days),
    )
    return {"items": [_facts(row) for row in rows]}


@endpoints.get("/v1/certificates/{serial_number}", access=Permission.MANAGE_SUBSCRIBERS, answer=CertificateAnswer)
def read_certificate(serial_number: str) -> dict[str, object]:
    """One certificate."""
    return _facts(certificates.get_certificate(serial_number))


@endpoints.post(
    "/v1/certificates/{serial_number}/revoke",
    access=Permission.MANAGE_SUBSCRIBERS,
    answer=CertificateAnswer,
    refuses=(Conflict,),
)
def revoke(serial_number: str, actor: Principal, body: Revoking, platform: Platform) -> dict[str, object]:
    """Take a certificate back for good. It is refused from the next request on, open connections included."""
    return _facts(revoke_certificate(platform.settings, serial_number, body.reason, actor=actor.name))


def _sent(content: bytes) -> Response:
    response = Response(content, content_type=_PKCS12)
    response.headers["Content-Disposition"] = 'attachment; filename="subscriber.p12"'
    return response


def _facts(row: Certificate) -> dict[str, object]:
    same = ("serial_number", "fingerprint", "subscriber_id", "not_before", "not_after", "issued_by", "issued_at",
            "revoked_at", "revocation_reason", "replaced_at")  # fmt: skip
    return {name: getattr(row, name) for name in same} | {
        "subscriber": row.subscriber.name if row.subscriber else None,
        "state": certificates.state_at(row, now()),
        "renewable_from": renewable_from(row),
        "certificate": row.pem,
    }
