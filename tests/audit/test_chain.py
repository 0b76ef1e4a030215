"""What is hashed, exactly, so that anybody can compute it again."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

from flask import Flask

from backend.audit.chain import append, canonical, hash_of
from backend.audit.events import Event, Note
from backend.audit.tables import GENESIS
from backend.database import db
from tests.audit.conftest import events

WHEN = datetime(2026, 11, 23, 4, 55, 0, 120, tzinfo=UTC)


def _written(*notes: Note) -> None:
    with db.engine.begin() as connection:
        append(connection, notes)


def test_the_hash_can_be_computed_from_the_documentation_alone(storage: Flask) -> None:
    _written(
        Note(
            Event.USER_CREATED, "ada", 'user:"Zoë" \\ <b>', details={"role": "expert", "count": 2, "nothing": None, "yes": True,
            "list": ["ü", 1]}, address="::1", request_id="r", at=WHEN,
        ),
        Note(Event.USER_DELETED, "ada", at=WHEN),
    )  # fmt: skip
    previous = GENESIS
    for event in events():
        members = {
            "position": event.position, "at": event.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "event": event.event,
            "actor": event.actor, "target": event.target, "outcome": event.outcome, "details": json.loads(event.details),
            "address": event.address, "request_id": event.request_id, "previous_hash": previous,
        }  # fmt: skip
        text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert canonical(event) == text
        assert event.hash == hashlib.sha256(text.encode()).hexdigest()
        previous = event.hash


def test_the_format_is_for_ever(storage: Flask) -> None:
    _written(
        Note(Event.USER_CREATED, "ada", "user:bob", details={"role": "expert"}, address="::1", request_id="r", at=WHEN)
    )
    (event,) = events()
    assert canonical(event) == (
        '{"actor":"ada","address":"::1","at":"2026-11-23T04:55:00.000120Z","details":{"role":"expert"},"event":"user.created",'
        f'"outcome":"done","position":1,"previous_hash":"{GENESIS}","request_id":"r","target":"user:bob"}}'
    )
    assert event.hash == "8d936b69709dea173116e23b3e86d3533894381a6e8f71160d146300340fc3ad"


def test_the_zone_of_a_clock_does_not_matter(storage: Flask) -> None:
    _written(Note(Event.USER_CREATED, "ada", at=WHEN.astimezone(timezone(timedelta(hours=5, minutes=30)))))
    (event,) = events()
    assert '"at":"2026-11-23T04:55:00.000120Z"' in canonical(event)
    assert hash_of(event) == event.hash


def test_nothing_to_write_writes_nothing(storage: Flask) -> None:
    _written()
    assert events() == []
