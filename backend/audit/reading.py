"""The journal read by people and programs: a question comes in, events go out, the newest first."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from backend.audit.events import Event, Outcome
from backend.audit.tables import AuditEvent
from backend.database import db

_AT_ONCE = 1000
COLUMNS = (
    "position", "at", "event", "actor", "target", "outcome", "details", "address", "request_id", "previous_hash", "hash",
)  # fmt: skip
# A cell that begins so is run as a formula by programs that open tables.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(frozen=True)
class Question:
    """Which events: each part that is given must fit; `before` is a position to read on from."""

    event: Event | None = None
    actor: str | None = None
    target: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def list_events(question: Question, *, limit: int) -> list[AuditEvent]:
    """The newest events that fit, at most `limit`."""
    return list(db.session.scalars(_select(question).limit(limit)))


def iterate_events(question: Question, *, limit: int | None = None) -> Iterator[AuditEvent]:
    """All events that fit, the newest first, with some thousand in memory at once."""
    left = limit
    before = question.before
    while left is None or left > 0:
        some = _AT_ONCE if left is None else min(left, _AT_ONCE)
        chunk = list(db.session.scalars(_select(question, before).limit(some)))
        yield from chunk
        if len(chunk) < some:
            return
        before, left = chunk[-1].position, None if left is None else left - len(chunk)
        db.session.expunge_all()


def csv_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    """The events as RFC 4180, with a head; no cell can be run as a formula."""
    yield _line(COLUMNS)
    for event in events:
        yield _line([_cell(getattr(event, name)) for name in COLUMNS])


def _select(question: Question, before: int | None = None) -> Select[AuditEvent]:
    wanted = select(AuditEvent).order_by(AuditEvent.position.desc())
    exact = {"event": question.event, "actor": question.actor, "target": question.target, "outcome": question.outcome}
    for name, value in exact.items():
        if value is not None:
            wanted = wanted.where(getattr(AuditEvent, name) == value)
    if question.since is not None:
        wanted = wanted.where(AuditEvent.at >= question.since)
    if question.until is not None:
        wanted = wanted.where(AuditEvent.at < question.until)
    before = question.before if before is None else before
    return wanted if before is None else wanted.where(AuditEvent.position < before)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    text = json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
