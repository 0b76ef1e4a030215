"""Keys made here for subscribers that cannot make their own: a PKCS#12 file that is fetched once, its password told once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from sqlalchemy import delete, update

from backend.audit.events import Event
from backend.audit.journal import record
from backend.database import db, now
from backend.errors import Gone, NotFound
from backend.identity.issuing import Issued, certify_key
from backend.identity.one_time import hash_of, new_word
from backend.identity.passwords import generate_password
from backend.identity.subscriber_tables import KeyFile, Subscriber
from backend.pki.authority import new_key
from backend.pki.containers import key_file
from backend.settings import Settings

LIFETIME = timedelta(minutes=10)
_KEPT = timedelta(days=1)


@dataclass(frozen=True)
class MadeKey:
    """A certificate with its key: `content` is PKCS#12 that opens with `password`; neither password nor key is kept."""

    issued: Issued
    content: bytes
    password: str


@dataclass(frozen=True)
class Waiting:
    """A key file that waits to be fetched with `token`, once."""

    token: str
    expires_at: datetime


def make_key(settings: Settings, subscriber: Subscriber, *, actor: str) -> MadeKey:
    """A new key (EC P-256), certified for the subscriber, as a PKCS#12 file under a generated password.

    Raises NotAllowed for a suspended subscriber. A signing request is better: then the key never leaves its owner.
    """
    key = new_key("subscriber")
    issued = certify_key(settings, subscriber, key.public_key(), actor=actor)
    password = generate_password()
    chain = x509.load_pem_x509_certificates(issued.chain.encode())
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    content = key_file(subscriber.id, key, certificate, chain, password)
    details = {"subscriber": subscriber.id, "fingerprint": issued.row.fingerprint, "key": "made here"}
    record(Event.CERTIFICATE_ISSUED, actor=actor, target=f"certificate:{issued.serial_number}", details=details)
    return MadeKey(issued, content, password)


def keep_to_be_fetched(made: MadeKey, *, actor: str) -> Waiting:
    """The file waits ten minutes for the person who asked for it; what others left behind is swept."""
    moment = now()
    db.session.execute(update(KeyFile).where(KeyFile.expires_at <= moment).values(content=None))
    db.session.execute(delete(KeyFile).where(KeyFile.expires_at < moment - _KEPT))
    token, expires_at = new_word(), moment + LIFETIME
    row = KeyFile(
        token_hash=hash_of(token),
        fingerprint=made.issued.row.fingerprint,
        content=made.content,
        created_by=actor,
        expires_at=expires_at,
    )
    db.session.add(row)
    db.session.flush()
    return Waiting(token, expires_at)


def fetch_key_file(token: str, *, actor: str) -> bytes:
    """The PKCS#12 file, for the person who asked for it, once; it is kept no longer.

    Raises NotFound for an unknown token or another person, Gone where it was fetched or its time is over.
    """
    row = db.session.get(KeyFile, hash_of(token), populate_existing=True)
    if row is None or row.created_by != actor:
        raise NotFound("There is no such file.")
    content, serial_number, moment = row.content, row.certificate.serial_number, now()
    waiting = update(KeyFile).where(
        KeyFile.token_hash == row.token_hash, KeyFile.fetched_at.is_(None), KeyFile.expires_at > moment
    )
    fetched = db.session.execute(waiting.values(fetched_at=moment, content=None)).rowcount  # type: ignore[attr-defined]
    if not fetched or content is None:
        raise Gone("This file was fetched, or its ten minutes are over. Make a new key instead.")
    record(Event.CERTIFICATE_DOWNLOADED, actor=actor, target=f"certificate:{serial_number}")
    return content
