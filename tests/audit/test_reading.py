"""The journal read by people: filters, pages, and an export that no table program can be made to run."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from backend.audit import reading
from backend.audit.chain import append
from backend.audit.events import Event, Note
from backend.audit.reading import COLUMNS, Question, csv_lines, iterate_events, list_events
from backend.database import db

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def told(storage: Flask) -> None:
    """One event an hour."""
    notes = [
        Note(Event.USER_CREATED, "ada", "user:bob", at=START),
        Note(Event.USER_DELETED, "ada", "user:bob", at=START + timedelta(hours=1)),
        Note(Event.REQUEST_REFUSED, "", "GET /", "refused", at=START + timedelta(hours=2)),
        Note(Event.USER_CREATED, "eve", "user:zoe", "failed", at=START + timedelta(hours=3)),
    ]
    with db.engine.begin() as connection:
        append(connection, notes)


ANSWERS = (
    (Question(), [4, 3, 2, 1]),
    (Question(event=Event.USER_CREATED), [4, 1]),
    (Question(actor="ada"), [2, 1]),
    (Question(actor=""), [3]),
    (Question(target="user:bob"), [2, 1]),
    (Question(outcome="refused"), [3]),
    (Question(since=START + timedelta(hours=1)), [4, 3, 2]),
    (Question(until=START + timedelta(hours=1)), [1]),
    (Question(before=3), [2, 1]),
    (Question(event=Event.USER_CREATED, actor="ada", before=4), [1]),
    (Question(actor="nobody"), []),
)


def test_what_is_asked_for_is_found_the_newest_first(told: None) -> None:
    for question, positions in ANSWERS:
        assert [event.position for event in list_events(question, limit=10)] == positions, question
        assert [event.position for event in iterate_events(question)] == positions, question


def test_a_list_is_as_long_as_asked(told: None) -> None:
    assert [event.position for event in list_events(Question(), limit=3)] == [4, 3, 2]


def test_everything_is_read_in_pieces(
    storage: Flask, journal_of: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_AT_ONCE", 2)
    journal_of(10)
    for limit in (None, 1, 2, 4, 5, 9, 10, 11):
        positions = [event.position for event in iterate_events(Question(), limit=limit)]
        assert positions == list(range(10, 0, -1))[:limit]


def test_no_cell_is_a_formula(storage: Flask) -> None:
    starts = ("=", "+", "-", "@", "\uff1d")
    with db.engine.begin() as connection:
        for start in starts:
            note = Note(Event.REQUEST_REFUSED, f'{start}cmd|"/C calc"!A0', f"{start}1", details={"x": "1,2"}, at=START)
            append(connection, [note])
    head, *rows = csv.reader(io.StringIO("".join(csv_lines(iterate_events(Question())))))
    assert tuple(head) == COLUMNS
    for start, row in zip(reversed(starts), rows, strict=True):
        cells = dict(zip(head, row, strict=True))
        assert (cells["actor"], cells["target"]) == (f'\'{start}cmd|"/C calc"!A0', f"'{start}1")
        assert (cells["at"], cells["details"]) == ("2026-11-01T00:00:00+00:00", '{"x":"1,2"}')
