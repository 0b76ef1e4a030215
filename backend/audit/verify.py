"""Is the journal what was written: the stored chain comes in, a verdict with the place of its first fault goes out.

Found are events that were edited, removed, swapped or put in, at the end too, because the head says where the journal ends. Not
found is a chain that was computed anew from some event on, head included, by somebody who may write the database: for that, keep a
`Head` outside of it now and then, and give it as `known`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from backend.audit.chain import hash_of
from backend.audit.tables import GENESIS, AuditEvent, AuditHead
from backend.database import db

_EVENTS = AuditEvent.__table__
_AT_ONCE = 2000


@dataclass(frozen=True)
class Head:
    """Where the journal ended at some moment: the position and the hash of its last event."""

    position: int
    hash: str


@dataclass(frozen=True)
class Verdict:
    """How many events there are, whether each is where and what it was, and if not, the first position that is wrong."""

    events: int
    ok: bool
    first_broken: int | None = None
    head: Head | None = None


def verify_chain(*, known: Head | None = None) -> Verdict:
    """Read the whole journal, some thousand events at a time, and compute every hash anew.

    `known` is a head that was noted earlier, elsewhere: the event at its position must still have its hash.
    """
    with db.engine.connect() as connection:
        head, last, events = _extent(connection)
        previous, expected = Head(0, GENESIS), known.position if known else None
        for event in _events(connection, last):
            if not _follows(event, previous):
                return Verdict(events, ok=False, first_broken=min(event.position, previous.position + 1), head=head)
            previous = Head(event.position, event.hash)
            if known is not None and previous.position == expected and previous != known:
                return Verdict(events, ok=False, first_broken=expected, head=head)
    broken = _first_missing(previous, head, known)
    return Verdict(events, ok=broken is None, first_broken=broken, head=head)


def _extent(connection: Connection) -> tuple[Head | None, int, int]:
    """The head, the last position and the number of events, all of one moment: events that are appended meanwhile are left out."""
    head = select(AuditHead.position.label("position"), AuditHead.hash.label("hash")).subquery()
    bounds = select(func.max(_EVENTS.c.position).label("last"), func.count().label("events")).subquery()
    both = select(bounds.c.last, bounds.c.events, head.c.position, head.c.hash)
    row = connection.execute(both.select_from(bounds.outerjoin(head, onclause=bounds.c.events >= 0))).one()
    return (None if row.position is None else Head(row.position, row.hash)), row.last or 0, row.events


def _events(connection: Connection, last: int) -> Iterator[Row[Any]]:
    """The events up to `last` in their order; memory holds some thousand."""
    wanted = select(_EVENTS).order_by(_EVENTS.c.position).limit(_AT_ONCE)
    chunk = connection.execute(wanted.where(_EVENTS.c.position <= last)).all()
    while chunk:
        yield from chunk
        after = _EVENTS.c.position > chunk[-1].position
        chunk = connection.execute(wanted.where(after, _EVENTS.c.position <= last)).all()


def _follows(event: Row[Any], previous: Head) -> bool:
    linked: bool = event.position == previous.position + 1 and event.previous_hash == previous.hash
    return linked and event.hash == hash_of(event)


def _first_missing(last: Head, head: Head | None, known: Head | None) -> int | None:
    """Where the events that were read do not end as the head says, or as somebody knew them to go on; None where they do."""
    if head is None or head.position > last.position or (known is not None and known.position > last.position):
        return last.position + 1
    if head.position < last.position:
        return head.position + 1
    return None if head.hash == last.hash else last.position
