"""Certificates taken back: their rows say so from the next request on, and a new revocation list tells everybody else."""

from sqlalchemy import select, update

from backend.audit.events import Event
from backend.audit.journal import record
from backend.database import db, now
from backend.errors import Conflict, Invalid
from backend.identity.certificates import get_certificate
from backend.identity.revocation_list import issue_revocation_list
from backend.identity.subscriber_tables import Certificate, Subscriber
from backend.pki.revocation import REASONS
from backend.settings import Settings


def revoke_certificate(settings: Settings, serial_number: str, reason: str, *, actor: str) -> Certificate:
    """The certificate with this serial number, taken back for good; `reason` is one of RFC 5280's words.

    Raises NotFound for an unknown one, Conflict for one that was revoked before, Invalid for another reason.
    """
    if reason not in REASONS:
        raise Invalid(f"'{reason}' is no reason for revocation. Use one of: {', '.join(REASONS)}.")
    certificate = get_certificate(serial_number)
    if not _take_back(certificate.fingerprint, reason):
        raise Conflict("This certificate was revoked before.")
    issue_revocation_list(settings)
    db.session.refresh(certificate)
    _record(certificate, reason, actor)
    return certificate


def revoke_all(settings: Settings, subscriber: Subscriber, reason: str, *, actor: str) -> None:
    """Every certificate of the subscriber that was not revoked before and has not ended."""
    living = select(Certificate).where(Certificate.subscriber_id == subscriber.id, Certificate.not_after > now())
    taken = [certificate for certificate in db.session.scalars(living) if _take_back(certificate.fingerprint, reason)]
    if taken:
        issue_revocation_list(settings)
    for certificate in taken:
        _record(certificate, reason, actor)


def _take_back(fingerprint: str, reason: str) -> bool:
    """Whether this call, and not an earlier one, took it back: one statement decides."""
    good = update(Certificate).where(Certificate.fingerprint == fingerprint, Certificate.revoked_at.is_(None))
    done = db.session.execute(good.values(revoked_at=now(), revocation_reason=reason))
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _record(certificate: Certificate, reason: str, actor: str) -> None:
    details = {"subscriber": certificate.subscriber_id, "reason": reason}
    record(Event.CERTIFICATE_REVOKED, actor=actor, target=f"certificate:{certificate.serial_number}", details=details)
