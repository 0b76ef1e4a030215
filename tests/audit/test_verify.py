"""Whatever is done to the journal, the first wrong position is found."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from backend.audit import verify
from backend.audit.chain import append, hash_of
from backend.audit.events import Event, Note
from backend.audit.tables import GENESIS, AuditEvent, AuditHead
from backend.audit.verify import Head, Verdict, verify_chain
from backend.database import db
from tests.audit.conftest import Attack, events

Journal = Callable[[int], None]


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of ten is read in four chunks."""
    monkeypatch.setattr(verify, "_AT_ONCE", 3)


def test_a_whole_journal_is_whole(storage: Flask, journal_of: Journal) -> None:
    assert verify_chain() == Verdict(0, ok=True, head=Head(0, GENESIS))
    for count in (2, 1, 7):
        journal_of(count)
    last = events()[-1]
    assert verify_chain() == Verdict(10, ok=True, head=Head(10, last.hash))


EDITS = (
    "actor = 'eve'", "target = 'user:eve'", "outcome = 'refused'", "details = '{}'", "details = details || ' '", "address = '1'",
    "request_id = '1'", "event = 'user.deleted'", "hash = previous_hash", "previous_hash = hash",
    "at = '2020-01-01 00:00:00.000000'",
)  # fmt: skip


def test_an_edited_event_is_found(storage: Flask, journal_of: Journal, attack: Attack) -> None:
    journal_of(10)
    whole = events()
    for edit in EDITS:
        attack.edit(edit, "position = 5")
        assert verify_chain() == Verdict(10, ok=False, first_broken=5, head=Head(10, whole[-1].hash)), edit
        attack.restore(whole)
    assert verify_chain().ok


def test_an_edited_event_whose_hash_was_computed_anew_is_found_by_the_next(
    storage: Flask, journal_of: Journal, attack: Attack
) -> None:
    journal_of(10)
    event = events()[4]
    event.actor = "eve"
    attack.edit(f"actor = 'eve', hash = '{hash_of(event)}'", "position = 5")
    assert verify_chain().first_broken == 6


REMOVED = (("= 1", 1), ("= 5", 5), ("IN (3, 4, 5, 6)", 3), ("= 10", 10), ("> 7", 8), ("> 0", 1))


def test_removed_events_are_found_the_last_ones_too(storage: Flask, journal_of: Journal, attack: Attack) -> None:
    journal_of(10)
    whole = events()
    for gone, first in REMOVED:
        attack.delete(f"position {gone}")
        assert (verify_chain().ok, verify_chain().first_broken) == (False, first), gone
        attack.restore(whole)


def test_swapped_events_are_found(storage: Flask, journal_of: Journal, attack: Attack) -> None:
    journal_of(10)
    for old, new in ((5, 0), (6, 5), (0, 6)):
        attack.edit(f"position = {new}", f"position = {old}")
    assert verify_chain().first_broken == 5


def test_an_event_that_was_put_in_is_found(storage: Flask, journal_of: Journal, attack: Attack) -> None:
    journal_of(10)
    whole = events()
    for position, first in ((11, 11), (12, 11), (0, 0), (-3, -3)):
        forged = AuditEvent(**{column.name: getattr(whole[-1], column.name) for column in AuditEvent.__table__.columns})
        forged.position, forged.previous_hash = position, whole[-1].hash
        forged.hash = hash_of(forged)
        db.session.add(forged)
        db.session.commit()
        assert verify_chain().first_broken == first
        attack.restore(whole)


def test_an_altered_head_is_found(storage: Flask, journal_of: Journal, attack: Attack) -> None:
    journal_of(10)
    whole = events()
    for change, first in (("position = 9", 10), ("position = 12", 11), (f"hash = '{GENESIS}'", 10)):
        attack.edit_head(change)
        assert (verify_chain().ok, verify_chain().first_broken) == (False, first), change
        attack.restore(whole)


def test_a_missing_head_is_found(storage: Flask, journal_of: Journal, attack: Attack) -> None:
    journal_of(10)
    attack.delete("id = 1", "audit_head")
    assert verify_chain() == Verdict(10, ok=False, first_broken=11)


def test_the_last_events_removed_together_with_the_head_need_a_head_that_was_kept_elsewhere(
    storage: Flask, journal_of: Journal, attack: Attack
) -> None:
    journal_of(10)
    kept = verify_chain().head
    assert kept is not None
    shorter = events()[6]
    attack.delete("position > 7")
    attack.edit_head(f"position = 7, hash = '{shorter.hash}'")
    assert verify_chain().ok
    assert (verify_chain(known=kept).ok, verify_chain(known=kept).first_broken) == (False, 8)


def test_a_chain_that_was_written_anew_needs_a_head_that_was_kept_elsewhere(
    storage: Flask, journal_of: Journal, attack: Attack
) -> None:
    journal_of(10)
    kept = verify_chain().head
    assert kept is not None
    assert verify_chain(known=kept).ok
    attack.delete("position > 0")
    attack.edit_head(f"position = 0, hash = '{GENESIS}'")
    with db.engine.begin() as connection:
        append(connection, [Note(Event.USER_DELETED, "somebody else")] * 12)
    assert verify_chain().ok
    assert (verify_chain(known=kept).ok, verify_chain(known=kept).first_broken) == (False, 10)


def test_what_is_appended_meanwhile_does_not_disturb(
    storage: Flask, journal_of: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal_of(10)
    real = verify._events

    def appended_meanwhile(*arguments):  # type: ignore[no-untyped-def]
        for number, event in enumerate(real(*arguments)):
            if number in {0, 9}:
                with storage.app_context():
                    journal_of(2)
            yield event

    monkeypatch.setattr(verify, "_events", appended_meanwhile)
    assert (verify_chain().ok, verify_chain().events) == (True, 14)


def test_the_head_is_where_the_journal_ends(storage: Flask, journal_of: Journal) -> None:
    journal_of(4)
    with db.engine.connect() as connection:
        row = connection.execute(text("SELECT id, position, hash FROM audit_head")).one()
    assert tuple(row) == (1, 4, events()[-1].hash)
    assert db.session.get(AuditHead, 1) is not None
