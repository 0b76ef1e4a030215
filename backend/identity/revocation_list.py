"""The list of the subscribers' certificates that were taken back, signed anew at each revocation and each day."""

from datetime import datetime, timedelta

from cryptography.hazmat.primitives import serialization
from sqlalchemy import LargeBinary, bindparam, or_, select, text, update

from backend.audit.events import SYSTEM, Event
from backend.audit.journal import record
from backend.database import UtcDateTime, db, now
from backend.identity.authority_files import open_issuers, read_certificate
from backend.identity.certificates import CertificateState, in_state
from backend.identity.subscriber_tables import Certificate, RevocationList
from backend.pki.profiles import CRL_LIFETIME
from backend.pki.public_keys import key_digest
from backend.pki.revocation import Revocation
from backend.settings import Settings

_OLD = timedelta(days=1)

# Both databases know these words; a second issuer of the first list waits here for the first, and then finds its row.
_BEGIN = text(
    "INSERT INTO revocation_lists (issuer, number, content, issued_at) VALUES (:issuer, 0, :content, :issued_at) "
    "ON CONFLICT (issuer) DO NOTHING"
).bindparams(bindparam("issued_at", type_=UtcDateTime()), bindparam("content", type_=LargeBinary()))


def read_revocation_list(settings: Settings) -> bytes:
    """The newest list (DER), made anew where it is a day old, long before it would end."""
    issuer = key_digest(read_certificate(settings, "subscribers-ca").public_key())  # type: ignore[arg-type]
    newest = db.session.get(RevocationList, issuer, populate_existing=True)
    if newest is None or newest.issued_at <= now() - _OLD:
        return issue_revocation_list(settings)
    return newest.content


def issue_revocation_list(settings: Settings) -> bytes:
    """A new list (DER) with the next number, of everything that is taken back at this moment."""
    authority = open_issuers(settings)
    issuer = key_digest(authority.subscribers.key.public_key())
    own = RevocationList.issuer == issuer
    db.session.execute(_BEGIN, {"issuer": issuer, "content": b"", "issued_at": now()})
    # Who counts up waits for who counted before, and so sees, signs and numbers what that one saw, and more.
    db.session.execute(update(RevocationList).where(own).values(number=RevocationList.number + 1))
    number = db.session.scalars(select(RevocationList.number).where(own)).one()
    moment = now()
    signed = authority.revocation_list(_taken_back(moment), number=number, now=moment.replace(microsecond=0))
    content = signed.public_bytes(serialization.Encoding.DER)
    db.session.execute(update(RevocationList).where(own).values(content=content, issued_at=moment))
    record(Event.REVOCATION_LIST_ISSUED, actor=SYSTEM, target=f"revocation_list:{number}")
    return content


def _taken_back(moment: datetime) -> list[Revocation]:
    """Revoked certificates, and replaced ones past their overlap; each is listed for one list's life after its own end."""
    taken = or_(*(in_state(state, moment) for state in (CertificateState.REVOKED, CertificateState.REPLACED)))
    # Not the rows themselves: of many thousand certificates, those would take tens of megabytes at each revocation.
    columns = (
        Certificate.serial_number,
        Certificate.revoked_at,
        Certificate.revocation_reason,
        Certificate.replaced_at,
    )
    rows = db.session.execute(
        select(*columns).where(taken, Certificate.not_after > moment - CRL_LIFETIME).order_by(Certificate.serial_number)
    )
    return [_revocation(*row) for row in rows]


def _revocation(
    serial_number: str, revoked_at: datetime | None, reason: str | None, replaced_at: datetime | None
) -> Revocation:
    if revoked_at is None or reason is None:
        revoked_at, reason = replaced_at or now(), "superseded"
    return Revocation(int(serial_number, 16), revoked_at.replace(microsecond=0), reason)
