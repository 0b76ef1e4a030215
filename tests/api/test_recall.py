"""What is remembered of credentials, for how long, and what makes it be forgotten."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, event, text

from backend.api import recall as module
from backend.api.gate import Gate
from backend.api.recall import Recall, Unremembered, forget_on_change
from backend.database import Table, db, now
from backend.errors import InvalidToken
from backend.identity.certificates import verify_certificate
from backend.identity.sessions import verify_session
from backend.identity.subscriber_tables import Subscriber
from backend.identity.tables import Session
from tests.api.conftest import Subscribed
from tests.conftest import Person


@dataclass(frozen=True)
class Proved:
    ends_at: datetime | None = None


class Verifier:
    """Counts how often it is asked."""

    def __init__(self, ends_at: datetime | None = None) -> None:
        self.asked, self.ends_at = 0, ends_at

    def __call__(self) -> Proved:
        self.asked += 1
        return Proved(self.ends_at)


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recall(clock: Clock) -> Recall[Proved]:
    return Recall(1.0, clock)


def test_what_was_proved_is_remembered_until_its_time_is_over(recall: Recall[Proved], clock: Clock) -> None:
    verify = Verifier()
    first = recall.recall("a", verify)
    for later in (0.5, 0.99):
        clock.seconds = 1000 + later
        assert recall.recall("a", verify) is first
    clock.seconds = 1001
    assert recall.recall("a", verify) is not first
    assert verify.asked == 2


def test_credentials_are_apart(recall: Recall[Proved]) -> None:
    assert recall.recall("a", Verifier()) is not recall.recall("b", Verifier())


def test_nothing_is_remembered_past_its_own_end(recall: Recall[Proved], clock: Clock) -> None:
    verify = Verifier(now() + timedelta(seconds=0.5))
    recall.recall("a", verify)
    clock.seconds += 0.51
    recall.recall("a", verify)
    assert verify.asked == 2


def test_what_has_ended_is_not_remembered_at_all(recall: Recall[Proved]) -> None:
    verify = Verifier(now() - timedelta(seconds=1))
    recall.recall("a", verify)
    recall.recall("a", verify)
    assert verify.asked == 2


def test_a_refusal_is_not_remembered(recall: Recall[Proved]) -> None:
    with pytest.raises(InvalidToken):
        recall.recall("a", _refuse)
    assert recall.recall("a", Verifier())


def _refuse() -> Proved:
    raise InvalidToken("no")


def test_after_a_refusal_nobody_is_let_in_by_what_was_known_before(recall: Recall[Proved], clock: Clock) -> None:
    recall.recall("a", Verifier())
    clock.seconds += 0.6
    with pytest.raises(Unremembered):
        recall.remembered("a")  # this one is sent, while the others go on with what is remembered
    assert recall.remembered("a")
    with pytest.raises(InvalidToken):
        recall.recall("a", _refuse)
    with pytest.raises(Unremembered):
        recall.remembered("a")


def test_after_a_refusal_nothing_is_kept_of_a_look_that_began_before(recall: Recall[Proved], clock: Clock) -> None:
    recall.recall("a", Verifier())
    clock.seconds += 1

    def overtaken() -> Proved:
        with pytest.raises(InvalidToken):
            recall.recall("a", _refuse)
        return Proved()

    recall.recall("a", overtaken)
    with pytest.raises(Unremembered):
        recall.remembered("a")


def test_a_refusal_of_one_is_none_of_another(recall: Recall[Proved]) -> None:
    recall.recall("a", Verifier())

    def beside_a_refusal() -> Proved:
        for _ in range(3):
            with pytest.raises(InvalidToken):
                recall.recall("b", _refuse)
        return Proved()

    kept = recall.recall("c", beside_a_refusal)
    assert recall.remembered("c") is kept
    assert recall.remembered("a")


def test_the_time_counts_from_before_the_look(recall: Recall[Proved], clock: Clock) -> None:
    """A look that took long is as old as its beginning."""
    verify = Verifier()

    def slow() -> Proved:
        clock.seconds += 0.9
        return verify()

    recall.recall("a", slow)
    clock.seconds += 0.2
    recall.recall("a", slow)
    assert verify.asked == 2


def test_one_call_in_half_of_the_time_is_sent_to_find_out_anew(recall: Recall[Proved], clock: Clock) -> None:
    verify = Verifier()
    with pytest.raises(Unremembered):
        recall.remembered("a")
    first = recall.recall("a", verify)
    clock.seconds += 0.49
    assert recall.remembered("a") is first
    clock.seconds += 0.02
    with pytest.raises(Unremembered):
        recall.remembered("a")  # this one is sent
    assert recall.remembered("a") is first  # the others go on meanwhile
    assert recall.recall("a", verify) is not first
    assert verify.asked == 2
    clock.seconds += 0.49
    assert recall.remembered("a") is recall.recall("a", verify)
    assert verify.asked == 2


def test_whoever_never_finds_out_anew_is_remembered_no_longer_for_it(recall: Recall[Proved], clock: Clock) -> None:
    recall.recall("a", Verifier())
    clock.seconds += 0.6
    with pytest.raises(Unremembered):
        recall.remembered("a")
    clock.seconds += 0.4
    with pytest.raises(Unremembered):
        recall.remembered("a")


def test_what_has_ended_makes_room(recall: Recall[Proved], clock: Clock) -> None:
    kept = []
    for number in range(20_000):
        recall.recall(f"{number}", Verifier())
        clock.seconds += 0.01  # so that a hundred are remembered at a time
        kept.append(len(recall._known))
    assert max(kept) <= 300
    assert recall.remembered("19999")


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    monkeypatch.setattr(module, "_FEW", 2)
    recall: Recall[Proved] = Recall(1.0, clock)
    for place in range(10):
        recall.recall(str(place), Verifier())
        assert len(recall._known) <= 3
    verify = Verifier()
    assert recall.recall("9", verify)
    assert verify.asked == 0


@pytest.fixture
def forgets(app: Flask) -> Iterator[Callable[[Callable[[], object]], bool]]:
    """Whether an act makes the memory of this process forget."""
    recall: Recall[Proved] = Recall(3600)
    forget_on_change(db.engine, recall, {"subscribers"})
    db.session.add(Subscriber(name="billing", models=[], created_by="mia"))
    db.session.commit()

    def tell(act: Callable[[], object]) -> bool:
        recall.recall("a", Verifier())
        act()
        verify = Verifier()
        recall.recall("a", verify)
        return verify.asked == 1

    yield tell
    db.session.rollback()


def _change() -> None:
    db.session.query(Subscriber).one().state = "suspended"
    db.session.commit()


def _remove() -> None:
    db.session.delete(db.session.query(Subscriber).one())
    db.session.commit()


def _change_apart() -> None:
    with db.engine.begin() as connection:
        connection.execute(text("  update subscribers SET state = 'suspended'"))


def _change_and_roll_back() -> None:
    db.session.query(Subscriber).one().state = "suspended"
    db.session.flush()
    db.session.rollback()


def _execute(statement: str) -> Callable[[], None]:
    def act() -> None:
        with db.engine.begin() as connection:
            connection.execute(text(statement)).close()

    return act


def _read() -> None:
    assert db.session.query(Subscriber).one()
    db.session.commit()


def _add() -> None:
    db.session.add(Subscriber(name="shipping", models=[], created_by="mia"))
    db.session.commit()


# What is not plain may change anything.
CHANGES = [
    'UPDATE "subscribers" SET state = state',
    "DELETE\n FROM Subscribers",
    "UPDATE subscribers SET state = state RETURNING id",
    "UPDATE {schema}.subscribers SET state = state",
    "WITH one AS (SELECT 1) UPDATE subscribers SET state = state",
    "INSERT INTO subscribers SELECT * FROM subscribers WHERE true ON CONFLICT (id) DO UPDATE SET state = 'suspended'",
    "CREATE TABLE other (id INTEGER)",
]
CHANGES_OF = {
    "sqlite": [
        "UPDATE OR IGNORE subscribers SET state = state",
        "INSERT OR REPLACE INTO subscribers SELECT * FROM subscribers",
    ],
    "postgresql": [
        "UPDATE ONLY subscribers SET state = state",
        "TRUNCATE subscribers CASCADE",
    ],
}
NO_CHANGES = [
    "UPDATE subscribers SET state = 'suspended' WHERE name = 'nobody'",
    "DELETE FROM subscribers WHERE name = 'nobody'",
    "UPDATE audit_head SET position = position",
    "UPDATE audit_head SET position = position RETURNING id",
    "DELETE FROM sign_in_failures",
    "SELECT * FROM subscribers",
]


@pytest.mark.parametrize("act", [_change, _remove, _change_apart, _change_and_roll_back])
def test_whatever_is_changed_or_removed_is_forgotten(
    forgets: Callable[[Callable[[], object]], bool], act: Callable[[], None]
) -> None:
    assert forgets(act)


@pytest.mark.parametrize("act", [_read, _add])
def test_reading_and_adding_take_nothing_from_anybody(
    forgets: Callable[[Callable[[], object]], bool], act: Callable[[], None]
) -> None:
    assert not forgets(act)


@pytest.mark.parametrize("statement", [*CHANGES, *NO_CHANGES])
def test_a_statement_that_may_take_something_is_told_by_its_words(
    forgets: Callable[[Callable[[], object]], bool], statement: str
) -> None:
    schema = "main" if db.engine.dialect.name == "sqlite" else "public"
    assert forgets(_execute(statement.format(schema=schema))) == (statement in CHANGES)


def test_what_one_database_alone_knows_may_take_something_too(forgets: Callable[[Callable[[], object]], bool]) -> None:
    assert [s for s in CHANGES_OF[db.engine.dialect.name] if not forgets(_execute(s))] == []


def test_a_change_is_forgotten_when_it_is_done_and_not_before(app: Flask) -> None:
    """What is read between the statement and the commit is what was before, and must not stay."""
    recall: Recall[Proved] = Recall(3600)
    forget_on_change(db.engine, recall, {"subscribers"})
    _add()
    verify = Verifier()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE subscribers SET state = 'suspended'"))
        recall.recall("a", verify)
    recall.recall("a", verify)
    assert verify.asked == 2


def _tables_read(engine: Engine, verify: Callable[[], object]) -> set[str]:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *asked: statements.append(asked[2]))
    verify()
    return {table for statement in statements for table in re.findall(r"(?:FROM|JOIN) (\w+)", statement)}


def test_what_proves_a_caller_is_what_makes_it_be_forgotten(
    app: Flask, subscribed: Callable[..., Subscribed], expert: Person
) -> None:
    """Each memory hears of every table that its verification reads."""
    billing, session = subscribed("billing", models=["iris"]), db.session.query(Session).one().id
    gate: Gate = app.extensions["signet.gate"]
    of_people, of_subscribers = {"users", "sessions"}, {"subscribers", "certificates"}
    assert _tables_read(db.engine, lambda: verify_session(session)) == of_people
    assert _tables_read(db.engine, lambda: verify_certificate(billing.der)) == of_subscribers
    for table in sorted(of_people | of_subscribers):
        gate.people.recall("a", Verifier())  # type: ignore[arg-type]
        gate.subscribers.recall("a", Verifier())  # type: ignore[arg-type]
        column = next(iter(Table.metadata.tables[table].primary_key.columns)).name
        _execute(f"UPDATE {table} SET {column} = {column}")()  # noqa: S608 - our names
        kept = {"people": "a" in gate.people._known, "subscribers": "a" in gate.subscribers._known}
        assert kept == {"people": table in of_subscribers, "subscribers": table in of_people}
