"""Certificates of subscribers by their rows: whose a presented one is, whether it is good, and which there are."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from sqlalchemy import ColumnElement, and_, or_, select

from backend.database import db, now
from backend.errors import InvalidCertificate, NotAllowed, NotFound
from backend.identity.principal import Principal
from backend.identity.subscriber_tables import ACTIVE, Certificate, Subscriber

_SERIAL = re.compile(r"[0-9a-f]{1,40}")


class CertificateState(StrEnum):
    """What a certificate is worth at a moment; a revoked one stays revoked after its end."""

    VALID = "valid"
    REPLACED = "replaced"
    EXPIRED = "expired"
    REVOKED = "revoked"


@lru_cache(maxsize=256)
def fingerprint_of(der: bytes) -> str:
    """SHA-256 of a certificate's bytes, hexadecimal: its name in our tables."""
    return hashlib.sha256(der).hexdigest()


def find_certificate(fingerprint: str) -> Certificate | None:
    """The row of the certificate with this fingerprint, its subscriber with it, as they are now; one indexed read."""
    return db.session.get(Certificate, fingerprint, populate_existing=True)


def verify_certificate(der: bytes) -> Principal:
    """The subscriber to whom this certificate (DER, its key proved by TLS) was issued, as its row says now.

    Nothing that the certificate itself says is believed. Raises InvalidCertificate where it is unknown, revoked, replaced or
    outside its life, NotAllowed where its subscriber is suspended.
    """
    fingerprint = fingerprint_of(der)
    certificate = find_certificate(fingerprint)
    if certificate is None or certificate.subscriber is None:
        raise InvalidCertificate("This certificate was not issued to a subscriber of this platform.")
    verify_good(certificate, now())
    subscriber = certificate.subscriber
    verify_active(subscriber)
    return Principal(
        kind="subscriber",
        id=subscriber.id,
        name=subscriber.name,
        models=frozenset(subscriber.models),
        certificate=fingerprint,
        rate_per_minute=subscriber.rate_per_minute,
        daily_quota=subscriber.daily_quota,
        ends_at=min(certificate.not_after, certificate.replaced_at or certificate.not_after),
    )


def verify_active(subscriber: Subscriber) -> None:
    """NotAllowed where the subscriber is suspended."""
    if subscriber.state != ACTIVE:
        raise NotAllowed(f"The subscriber '{subscriber.name}' is suspended. Ask its manager to resume it.")


def verify_good(certificate: Certificate, moment: datetime) -> None:
    """InvalidCertificate where it is revoked, replaced or outside its life at `moment`."""
    state = state_at(certificate, moment)
    if state is CertificateState.REVOKED:
        raise InvalidCertificate(f"This certificate was revoked ({certificate.revocation_reason}).")
    if state is CertificateState.REPLACED:
        raise InvalidCertificate("This certificate was replaced by a newer one.")
    if state is CertificateState.EXPIRED or moment < certificate.not_before:
        life = f"{certificate.not_before:%Y-%m-%d %H:%M} to {certificate.not_after:%Y-%m-%d %H:%M} UTC"
        raise InvalidCertificate(f"This certificate is good from {life}.")


def get_certificate(serial_number: str) -> Certificate:
    """The certificate with this serial number (hexadecimal, in any of its spellings); NotFound otherwise."""
    text = serial_number.replace(":", "").lower().lstrip("0")
    certificate = None
    if _SERIAL.fullmatch(text):  # PostgreSQL fails on some texts that no number is
        certificate = db.session.scalar(select(Certificate).where(Certificate.serial_number == text))
    if certificate is None:
        raise NotFound("There is no such certificate.")
    return certificate


def state_at(certificate: Certificate, moment: datetime) -> CertificateState:
    """What the certificate is worth at `moment`."""
    if certificate.revoked_at is not None:
        return CertificateState.REVOKED
    if certificate.replaced_at is not None and certificate.replaced_at <= moment:
        return CertificateState.REPLACED
    return CertificateState.EXPIRED if certificate.not_after <= moment else CertificateState.VALID


def list_certificates(
    *,
    subscriber_id: str | None = None,
    state: CertificateState | None = None,
    expiring_within: timedelta | None = None,
    limit: int = 1000,
) -> Sequence[Certificate]:
    """Certificates, the one that ends first first; `expiring_within` asks for valid ones that end by then."""
    moment, wanted = now(), select(Certificate).order_by(Certificate.not_after, Certificate.serial_number)
    if subscriber_id is not None:
        wanted = wanted.where(Certificate.subscriber_id == subscriber_id)
    if state is not None:
        wanted = wanted.where(in_state(state, moment))
    if expiring_within is not None:
        valid = in_state(CertificateState.VALID, moment)
        wanted = wanted.where(valid, Certificate.not_after <= moment + expiring_within)
    return db.session.scalars(wanted.limit(limit)).all()


def in_state(state: CertificateState, moment: datetime) -> ColumnElement[bool]:
    """`state_at` as a condition of a query."""
    revoked = Certificate.revoked_at.is_not(None)
    replaced = and_(Certificate.revoked_at.is_(None), Certificate.replaced_at <= moment)
    standing = and_(
        Certificate.revoked_at.is_(None), or_(Certificate.replaced_at.is_(None), Certificate.replaced_at > moment)
    )
    return {
        CertificateState.REVOKED: revoked,
        CertificateState.REPLACED: replaced,
        CertificateState.EXPIRED: and_(standing, Certificate.not_after <= moment),
        CertificateState.VALID: and_(standing, Certificate.not_after > moment),
    }[state]
