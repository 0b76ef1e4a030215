"""The rows of subscribers, of their certificates, and of what leads to those and takes them back."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend.database import Table, new_id, now

ACTIVE, SUSPENDED = "active", "suspended"


class Subscriber(Table):
    """A service outside the platform that may ask some models, within an allowance."""

    __tablename__ = "subscribers"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    description: Mapped[str] = mapped_column(String(500), default="")
    models: Mapped[list[Any]]  # names, or "*" alone for every model
    rate_per_minute: Mapped[int | None]
    daily_quota: Mapped[int | None]
    certificate_hours: Mapped[int | None]  # the life of its certificates; that of the settings where empty
    state: Mapped[str] = mapped_column(String(16), default=ACTIVE)
    created_by: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Certificate(Table):
    """A certificate that was issued; this row, not the certificate's text, says whose it is and whether it is good."""

    __tablename__ = "certificates"

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the DER, hexadecimal
    serial_number: Mapped[str] = mapped_column(String(40), unique=True)  # hexadecimal, lower case
    # The row outlives its subscriber: a revocation list must go on naming it until it would have ended.
    subscriber_id: Mapped[str | None] = mapped_column(ForeignKey("subscribers.id", ondelete="SET NULL"), index=True)
    public_key_sha256: Mapped[str] = mapped_column(String(64), index=True)
    pem: Mapped[str] = mapped_column(Text)
    not_before: Mapped[datetime]
    not_after: Mapped[datetime] = mapped_column(index=True)
    issued_by: Mapped[str] = mapped_column(String(128))
    issued_at: Mapped[datetime] = mapped_column(default=now)
    revoked_at: Mapped[datetime | None]
    revocation_reason: Mapped[str | None] = mapped_column(String(32))
    replaced_by: Mapped[str | None] = mapped_column(String(64))  # the fingerprint of its newest successor
    replaced_at: Mapped[datetime | None]  # when the overlap with its successor ends, and it with it
    subscriber: Mapped[Subscriber | None] = relationship(lazy="joined")


class Enrolment(Table):
    """A one-time token with which a subscriber fetches a certificate; only its hash is kept."""

    __tablename__ = "enrolments"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    subscriber_id: Mapped[str] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"), index=True)
    created_by: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    subscriber: Mapped[Subscriber] = relationship(lazy="joined", innerjoin=True)


class KeyFile(Table):
    """A PKCS#12 file that waits, encrypted, to be fetched once; its password was told and is kept nowhere."""

    __tablename__ = "key_files"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(ForeignKey("certificates.fingerprint", ondelete="CASCADE"), index=True)
    content: Mapped[bytes | None]  # gone once fetched or too late
    created_by: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    fetched_at: Mapped[datetime | None]
    certificate: Mapped[Certificate] = relationship(lazy="joined", innerjoin=True)


class RevocationList(Table):
    """The newest revocation list of an issuing key; its number only ever grows."""

    __tablename__ = "revocation_lists"

    issuer: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the issuer's public key
    number: Mapped[int]
    content: Mapped[bytes]  # DER
    issued_at: Mapped[datetime]
