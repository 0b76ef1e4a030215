"""Certificates issued to subscribers: by a signing request, renewed by the certificate itself, or with a key made here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from sqlalchemy import func, literal, or_, select, update

from backend.audit.events import Event
from backend.audit.journal import record
from backend.database import UtcDateTime, db, now
from backend.errors import Conflict, Invalid, InvalidCertificate, NotAllowed, NotReady
from backend.identity.authority_files import open_issuers
from backend.identity.certificates import find_certificate, verify_active, verify_good
from backend.identity.subscriber_tables import Certificate, Subscriber
from backend.pki.authority import Authority
from backend.pki.certifying import pem
from backend.pki.public_keys import PublicKey, key_digest, public_key_of_request
from backend.settings import Settings

# A client that renews in a loop must not fill the table; replicas of one service may each have some.
_MOST_VALID = 100
_SERIAL_ATTEMPTS = 3


@dataclass(frozen=True)
class Issued:
    """A certificate's row, and the chain (PEM) that leads from it to the root."""

    row: Certificate
    chain: str

    @property
    def certificate(self) -> str:
        """The certificate itself, PEM."""
        return self.row.pem

    @property
    def serial_number(self) -> str:
        return self.row.serial_number

    @property
    def not_after(self) -> datetime:
        return self.row.not_after


def issue_certificate(settings: Settings, subscriber: Subscriber, request: bytes, *, actor: str) -> Issued:
    """A certificate for the public key of a signing request (PEM); nothing else of the request is used.

    Raises Malformed or Invalid for a request or a key that is not good, NotAllowed for a suspended subscriber, Conflict
    where it has very many.
    """
    issued = certify_key(settings, subscriber, public_key_of_request(request), actor=actor)
    _record(Event.CERTIFICATE_ISSUED, issued, actor)
    return issued


def renew_certificate(settings: Settings, fingerprint: str, request: bytes, *, actor: str) -> Issued:
    """A successor, for a new key, of the certificate with this fingerprint, which stays valid for the overlap.

    It can be had in the last third of the certificate's life, and again while the overlap lasts: an answer may get lost, and
    replicas may share a certificate. Raises NotAllowed before that time, InvalidCertificate where it is not good,
    Malformed or Invalid for a request or a key that is not good.
    """
    old = find_certificate(fingerprint)
    if old is None or old.subscriber is None:
        raise InvalidCertificate("This certificate was not issued to a subscriber of this platform.")
    key, moment = public_key_of_request(request), now()
    verify_good(old, moment)
    if moment < renewable_from(old):
        raise NotAllowed(f"This certificate can be renewed from {renewable_from(old):%Y-%m-%d %H:%M} UTC on.")
    if _is_known(key):
        raise Invalid("This key was certified before. Make a new key to renew.")
    issued = certify_key(settings, old.subscriber, key, actor=actor)
    _replace(old, issued.row, moment + timedelta(hours=settings.certificate_overlap_hours))
    _record(Event.CERTIFICATE_RENEWED, issued, actor)
    return issued


def renewable_from(certificate: Certificate) -> datetime:
    """When the last third of its life begins."""
    return certificate.not_after - (certificate.not_after - certificate.not_before) / 3


def certify_key(settings: Settings, subscriber: Subscriber, key: PublicKey, *, actor: str) -> Issued:
    """A certificate for this public key, kept as a row.

    Raises Invalid for a key that another subscriber has, or that a revoked certificate had.
    """
    verify_active(subscriber)
    digest = key_digest(key)
    _verify_key_is_free(digest, subscriber)
    _verify_not_too_many(subscriber)
    authority = open_issuers(settings)
    certificate = _signed(settings, authority, subscriber, key)
    row = Certificate(
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        serial_number=f"{certificate.serial_number:x}",
        subscriber_id=subscriber.id,
        subscriber=subscriber,
        public_key_sha256=digest,
        pem=pem(certificate).decode(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        issued_by=actor,
        issued_at=now(),
    )
    db.session.add(row)
    db.session.flush()
    return Issued(row, pem(authority.subscribers.certificate).decode())


def _signed(settings: Settings, authority: Authority, subscriber: Subscriber, key: PublicKey) -> x509.Certificate:
    """A certificate whose serial number no other has."""
    hours = subscriber.certificate_hours
    lifetime = timedelta(days=settings.certificate_days) if hours is None else timedelta(hours=hours)
    for _ in range(_SERIAL_ATTEMPTS):
        certificate = authority.issue_subscriber_certificate(
            key,
            subscriber=UUID(subscriber.id),
            trust_domain=settings.trust_domain,
            now=now(),
            lifetime=lifetime,
            published_at=f"{settings.public_url.rstrip('/')}/pki" if settings.public_url else None,
        )
        taken = select(Certificate.fingerprint).where(Certificate.serial_number == f"{certificate.serial_number:x}")
        if db.session.scalar(taken) is None:
            return certificate
    raise NotReady("No free serial number was found. Try again.", cause="the random numbers of this machine repeat")


def _verify_key_is_free(digest: str, subscriber: Subscriber) -> None:
    another = or_(Certificate.subscriber_id.is_(None), Certificate.subscriber_id != subscriber.id)
    known = select(Certificate.fingerprint).where(Certificate.public_key_sha256 == digest)
    # One text for both, so that nobody learns whose key it is.
    if db.session.scalar(known.where(or_(another, Certificate.revoked_at.is_not(None))).limit(1)) is not None:
        raise Invalid("This key cannot be certified: it is not new. Make a new key.")


def _verify_not_too_many(subscriber: Subscriber) -> None:
    valid = (
        select(func.count())
        .select_from(Certificate)
        .where(
            Certificate.subscriber_id == subscriber.id, Certificate.revoked_at.is_(None), Certificate.not_after > now()
        )
    )
    if db.session.scalars(valid).one() >= _MOST_VALID:
        raise Conflict(
            f"This subscriber has {_MOST_VALID} certificates that are not over. Revoke those that it does not use."
        )


def _is_known(key: PublicKey) -> bool:
    known = select(Certificate.fingerprint).where(Certificate.public_key_sha256 == key_digest(key)).limit(1)
    return db.session.scalar(known) is not None


def _replace(old: Certificate, new: Certificate, until: datetime) -> None:
    """The old one ends with the overlap that its first renewal began; one statement sees whether it was revoked meanwhile."""
    good = update(Certificate).where(Certificate.fingerprint == old.fingerprint, Certificate.revoked_at.is_(None))
    ends_at = func.coalesce(Certificate.replaced_at, literal(min(until, old.not_after), UtcDateTime()))
    done = db.session.execute(good.values(replaced_by=new.fingerprint, replaced_at=ends_at))
    if not done.rowcount:  # type: ignore[attr-defined]
        raise InvalidCertificate("This certificate was revoked.")


def _record(event: Event, issued: Issued, actor: str) -> None:
    details = {"subscriber": issued.row.subscriber_id, "fingerprint": issued.row.fingerprint}
    record(event, actor=actor, target=f"certificate:{issued.serial_number}", details=details)
