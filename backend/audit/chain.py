"""The chain: notes and an open transaction come in; each note becomes an event that holds the hash of the one before.

An event's `hash` is SHA-256, in lower-case hexadecimal, of its canonical JSON in UTF-8: the members `position`, `at`, `event`,
`actor`, `target`, `outcome`, `details`, `address`, `request_id` and `previous_hash`, sorted by name, without blanks, characters
beyond ASCII as they are (RFC 8785). `at` is UTC with microseconds, such as `2026-11-23T04:55:00.000000Z`. The first event has
position 1 and 64 zeros as its `previous_hash`.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from json.encoder import encode_basestring as _text
from typing import Any

from sqlalchemy import Connection, insert, update

from backend.audit.events import Note
from backend.audit.tables import AuditEvent, AuditHead

_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class HeadMissing(Exception):
    """The row that says where the journal ends is gone, so that nothing can be appended; restore it from a backup."""


def canonical(event: Any) -> str:
    """The text that an event's hash is taken over; `event` has the columns of `AuditEvent` as attributes."""
    # Written out, because this runs for every event each time that the journal is verified; the tests compare it with a parser.
    return (
        f'{{"actor":{_text(event.actor)},"address":{_text(event.address)},"at":"{_written(event.at)}",'
        f'"details":{event.details},"event":{_text(event.event)},"outcome":{_text(event.outcome)},'
        f'"position":{event.position:d},"previous_hash":{_text(event.previous_hash)},'
        f'"request_id":{_text(event.request_id)},"target":{_text(event.target)}}}'
    )


def hash_of(event: Any) -> str:
    """The hash that the event must have."""
    return hashlib.sha256(canonical(event).encode("utf-8", "surrogatepass")).hexdigest()


def append(connection: Connection, notes: Sequence[Note]) -> None:
    """Write the notes at the end of the journal, within the transaction of `connection`.

    From here to the end of the transaction nobody else can append: call it last, and commit soon.
    """
    if not notes:
        return
    # The first statement writes: it takes SQLite's one write lock, and the row's lock on PostgreSQL, before anything is read.
    held = update(AuditHead).values(position=AuditHead.position + len(notes))
    head = connection.execute(held.returning(AuditHead.position, AuditHead.hash)).one_or_none()
    if head is None:
        raise HeadMissing
    events, previous = [], head.hash
    for position, note in enumerate(notes, head.position - len(notes) + 1):
        event = _linked(note, position, previous)
        previous = event.hash
        events.append({column.name: getattr(event, column.name) for column in AuditEvent.__table__.columns})
    connection.execute(insert(AuditEvent), events)
    connection.execute(update(AuditHead).values(hash=previous))


def _linked(note: Note, position: int, previous_hash: str) -> AuditEvent:
    event = AuditEvent(
        position=position,
        at=note.at,
        event=note.event.value,
        actor=note.actor,
        target=note.target,
        outcome=note.outcome,
        details=_json(note.details),
        address=note.address,
        request_id=note.request_id,
        previous_hash=previous_hash,
    )
    event.hash = hash_of(event)
    return event


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
