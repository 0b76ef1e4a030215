"""Enrolment: a manager makes a one-time token, the subscriber exchanges it with a signing request for its certificate."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, update

from backend.audit.events import NOBODY, Event
from backend.audit.journal import record
from backend.database import db, now
from backend.errors import InvalidEnrolment
from backend.identity.certificates import verify_active
from backend.identity.issuing import Issued, issue_certificate
from backend.identity.one_time import hash_of, new_word
from backend.identity.subscriber_tables import Enrolment, Subscriber
from backend.settings import Settings

LIFETIME = timedelta(minutes=15)
_KEPT = timedelta(days=1)


@dataclass(frozen=True)
class EnrolmentToken:
    """What is told once: the token, and until when it can be used."""

    token: str
    expires_at: datetime


def create_enrolment(subscriber: Subscriber, *, actor: str) -> EnrolmentToken:
    """A token with which this subscriber can fetch one certificate within 15 minutes; tokens long over are swept.

    Raises NotAllowed for a suspended subscriber.
    """
    verify_active(subscriber)
    db.session.execute(delete(Enrolment).where(Enrolment.expires_at < now() - _KEPT))
    token, expires_at = new_word(), now() + LIFETIME
    row = Enrolment(token_hash=hash_of(token), subscriber_id=subscriber.id, created_by=actor, expires_at=expires_at)
    db.session.add(row)
    db.session.flush()
    record(
        Event.ENROLMENT_CREATED,
        actor=actor,
        target=f"subscriber:{subscriber.id}",
        details={"expires_at": expires_at.isoformat()},
    )
    return EnrolmentToken(token, expires_at)


def enrol(settings: Settings, token: str, request: bytes) -> Issued:
    """The certificate for the public key of a signing request (PEM); the token is used up with it, and only with it.

    Raises InvalidEnrolment for a token that is unknown, used or too old, and whatever `issue_certificate` does, which leaves
    the token as good as it was.
    """
    digest = hash_of(token)
    usable = update(Enrolment).where(
        Enrolment.token_hash == digest, Enrolment.used_at.is_(None), Enrolment.expires_at > now()
    )
    # One statement decides, so that of two simultaneous uses exactly one wins.
    if not db.session.execute(usable.values(used_at=now())).rowcount:  # type: ignore[attr-defined]
        record(Event.ENROLMENT_USED, actor=NOBODY, outcome="refused")
        raise InvalidEnrolment(
            "This enrolment token is unknown, was used, or is older than 15 minutes. Ask for a new one."
        )
    subscriber = db.session.get_one(Enrolment, digest).subscriber
    actor = f"subscriber:{subscriber.id}"
    issued = issue_certificate(settings, subscriber, request, actor=actor)
    record(
        Event.ENROLMENT_USED,
        actor=actor,
        target=f"subscriber:{subscriber.id}",
        details={"serial_number": issued.serial_number},
    )
    return issued
