"""Certificates that were taken back become a signed revocation list (RFC 5280, version 2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from backend.errors import Invalid
from backend.pki.certifying import Issuer, digest_for, key_identifier
from backend.pki.profiles import CRL_LIFETIME

REASONS = tuple(reason.value for reason in x509.ReasonFlags if reason is not x509.ReasonFlags.remove_from_crl)


@dataclass(frozen=True)
class Revocation:
    """One certificate that was taken back; `reason` is one of RFC 5280's words (REASONS)."""

    serial_number: int
    revoked_at: datetime
    reason: str = "unspecified"


def sign_revocations(
    issuer: Issuer, revocations: Iterable[Revocation], *, number: int, now: datetime
) -> x509.CertificateRevocationList:
    """The revocation list of `issuer`; `number` must grow from list to list.

    It holds no issuing distribution point: with one, OpenSSL answers "different CRL scope" and refuses every client.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(now + CRL_LIFETIME)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier(issuer.certificate)),
            critical=False,
        )
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for revocation in revocations:
        builder = builder.add_revoked_certificate(_entry(revocation))
    return builder.sign(issuer.key, digest_for(issuer.key))


def _entry(revocation: Revocation) -> x509.RevokedCertificate:
    if revocation.reason not in REASONS:
        raise Invalid(f"'{revocation.reason}' is no reason for revocation; use one of: {', '.join(REASONS)}")
    builder = (
        x509.RevokedCertificateBuilder().serial_number(revocation.serial_number).revocation_date(revocation.revoked_at)
    )
    reason = x509.ReasonFlags(revocation.reason)
    if reason is not x509.ReasonFlags.unspecified:  # RFC 5280 5.3.1: leave the extension out rather than say nothing
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    return builder.build()
