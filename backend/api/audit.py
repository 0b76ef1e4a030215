"""The journal: read, exported, verified."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from flask import Response, stream_with_context
from pydantic import Field

from backend.api.routing import MOST, Answer, Endpoints, Moment, Query
from backend.audit import reading
from backend.audit.events import Event, Outcome
from backend.audit.journal import settle
from backend.audit.verify import Head, verify_chain
from backend.identity.principal import Permission

endpoints = Endpoints("Audit")

_USUAL, _MOST = 100, 1000


class AuditQuery(Query):
    event: Event | None = None
    actor: str | None = Field(
        None, description="A username, `subscriber:<id>`, `cli:<account>`, `system`, or empty: nobody known"
    )
    target: str | None = Field(None, description="Such as `user:ada` or `certificate:<serial number>`")
    outcome: Outcome | None = None
    since: Moment | None = None
    until: Moment | None = Field(None, description="This moment itself not included")
    before: int | None = Field(
        None, ge=1, le=MOST, description="Only events before this position: where the last answer ended"
    )
    limit: int | None = Field(
        None, ge=1, le=MOST, description=f"{_USUAL} where absent, {_MOST} at most; as CSV, everything where absent"
    )
    format: Literal["json", "csv"] = "json"


class EventAnswer(Answer):
    position: int
    at: datetime
    event: str
    actor: str = Field(description="Empty where nobody is known")
    target: str
    outcome: Outcome
    details: dict[str, Any] = Field(validation_alias="facts")
    address: str
    request_id: str
    previous_hash: str
    hash: str


class EventList(Answer):
    items: list[EventAnswer]


_VERDICT = {
    "type": "object",
    "required": ["events", "ok"],
    "properties": {
        "events": {"type": "integer"},
        "ok": {"type": "boolean"},
        "first_broken": {"type": "integer", "description": "The first position that is wrong; absent where none is"},
        "head": {
            "type": "object",
            "description": "The last event; kept elsewhere, it proves later that nothing was written anew",
            "required": ["position", "hash"],
            "properties": {"position": {"type": "integer"}, "hash": {"type": "string"}},
        },
    },
}


class KnownHead(Query):
    position: int | None = Field(None, ge=1, le=MOST, description="A head that was noted earlier: its position")
    hash: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="... and its hash, which the event must still have"
    )


@endpoints.get("/v1/audit", access=Permission.READ_AUDIT, answer=EventList, exports={"text/csv": {"type": "string"}})
def list_audit_events(query: AuditQuery) -> object:
    """Who did what, when, to what, with what outcome; the newest first. `format=csv` exports it."""
    settle()
    parts = query.model_dump(exclude={"limit", "format"})
    question = reading.Question(**parts)
    if query.format == "csv":
        lines = reading.csv_lines(reading.iterate_events(question, limit=query.limit))
        return _download(lines)
    return {"items": reading.list_events(question, limit=min(query.limit or _USUAL, _MOST))}


@endpoints.get("/v1/audit/verify", access=Permission.READ_AUDIT, answers=_VERDICT)
def verify_audit(query: KnownHead) -> dict[str, Any]:
    """Compute every hash of the journal anew. `ok` is false where an event was edited, removed, moved or put in."""
    known = Head(query.position, query.hash) if query.position and query.hash else None
    verdict = asdict(verify_chain(known=known))
    return {name: value for name, value in verdict.items() if value is not None}


def _download(lines: Iterator[str]) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response(stream_with_context(lines), content_type="text/csv; charset=utf-8", headers=headers)
