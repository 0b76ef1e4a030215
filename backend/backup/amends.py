"""What a restored platform must not believe: who was signed in, and which certificates are still good, is of then and not of now.

Certificates that were issued since have no row, and so are refused. Those that were revoked since would be good again: unless a later
revocation list tells which they are, every subscriber waits until a person who knows resumes it.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from sqlalchemy import delete, select, update

from backend.audit.events import Event
from backend.audit.journal import record
from backend.database import db, now
from backend.errors import Invalid
from backend.identity.authority_files import read_certificate
from backend.identity.certificates import CertificateState, in_state
from backend.identity.revocation_list import issue_revocation_list
from backend.identity.subscriber_tables import ACTIVE, Certificate, Enrolment, KeyFile, RevocationList, Subscriber
from backend.identity.subscribers import suspend_subscriber
from backend.identity.tables import Session, WebHandle
from backend.pki.public_keys import key_digest
from backend.settings import Settings

# More lists than anybody signs between two backups: who keeps only the list with the highest number takes the new one.
_NUMBERS_LEFT_OUT = 1_000_000


@dataclass(frozen=True)
class Amends:
    """What was done to the restored rows; `taken_back` are certificates that a later list names and the archive held for good."""

    sessions_ended: int
    suspended: int
    taken_back: int
    unknown: int
    list_number: int


def make_amends(
    settings: Settings, made_at: datetime, later: "LaterList | None", *, suspend: str, actor: str
) -> Amends:
    """End every session and open invitation, take back what `later` names, and suspend subscribers (`all` or `none`).

    The caller commits.
    """
    ended = update(Session).where(Session.ended_at.is_(None)).values(ended_at=now())
    sessions: int = db.session.execute(ended).rowcount  # type: ignore[attr-defined]
    db.session.execute(delete(WebHandle))
    db.session.execute(delete(Enrolment).where(Enrolment.used_at.is_(None)))
    db.session.execute(update(KeyFile).values(content=None))
    taken, unknown = later.apply() if later else (0, 0)
    suspended = _suspend_certified(actor) if suspend == "all" else 0
    number = _leave_numbers_out(settings, later)
    details = {"made_at": made_at.isoformat(), "suspended": suspended, "revoked": taken, "sessions_ended": sessions}
    record(Event.PLATFORM_RESTORED, actor=actor, details=details)
    return Amends(sessions, suspended, taken, unknown, number)


@dataclass(frozen=True)
class LaterList:
    """A revocation list of this platform that is no older than the archive."""

    content: x509.CertificateRevocationList

    @classmethod
    def read(cls, path: Path, authority: Path, least: int) -> "LaterList":
        """The list in the file (DER or PEM), verified under the certificate in `authority`.

        Invalid where another authority signed it, or its number is below `least`, that of the list in the archive.
        """
        signer = x509.load_pem_x509_certificate(authority.read_bytes()).public_key()
        try:
            raw = path.read_bytes()
            load = x509.load_pem_x509_crl if raw.lstrip().startswith(b"-----") else x509.load_der_x509_crl
            later = cls(load(raw))
            signed = later.content.is_signature_valid(signer)  # type: ignore[arg-type]
        except (OSError, ValueError, TypeError) as error:
            raise Invalid(f"{path} holds no revocation list.", cause=str(error)) from error
        if not signed:
            raise Invalid(f"{path} was not signed by the authority in the archive.")
        if later.number < least:
            raise Invalid(f"{path} is older than the archive: it says nothing of what was revoked since.")
        return later

    @property
    def number(self) -> int:
        return self.content.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    @property
    def issued_at(self) -> datetime:
        return self.content.last_update_utc

    def apply(self) -> tuple[int, int]:
        """How many certificates it takes back that were good in the archive, and how many it names that the archive never knew."""
        taken = unknown = 0
        for each in self.content:
            named = Certificate.serial_number == f"{each.serial_number:x}"
            good = update(Certificate).where(named, Certificate.revoked_at.is_(None))
            values = {"revoked_at": each.revocation_date_utc, "revocation_reason": _reason(each)}
            if db.session.execute(good.values(**values)).rowcount:  # type: ignore[attr-defined]
                taken += 1
            elif db.session.scalar(select(Certificate.fingerprint).where(named)) is None:
                unknown += 1
        return taken, unknown


def _reason(revoked: x509.RevokedCertificate) -> str:
    try:
        return revoked.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        return x509.ReasonFlags.unspecified.value


def _suspend_certified(actor: str) -> int:
    """Suspend who has a certificate that would be let in; how many they are."""
    holding = select(Certificate.subscriber_id).where(in_state(CertificateState.VALID, now()))
    wanted = select(Subscriber).where(Subscriber.state == ACTIVE, Subscriber.id.in_(holding))
    subscribers = db.session.scalars(wanted).all()
    for subscriber in subscribers:
        suspend_subscriber(subscriber, actor=actor)
    return len(subscribers)


def _leave_numbers_out(settings: Settings, later: LaterList | None) -> int:
    """A new revocation list whose number is above that of every list that was signed since the archive."""
    issue_revocation_list(settings)
    issuer = key_digest(read_certificate(settings, "subscribers-ca").public_key())  # type: ignore[arg-type]
    own = RevocationList.issuer == issuer
    number = db.session.scalars(select(RevocationList.number).where(own)).one()
    above = max(number, later.number if later else 0) + _NUMBERS_LEFT_OUT
    db.session.execute(update(RevocationList).where(own).values(number=above))
    issue_revocation_list(settings)
    return above + 1
