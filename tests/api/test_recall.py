"""What is remembered of credentials, for how long, and what makes it be forgotten."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from backend.api import recall as module
from backend.api.recall import Recall, Unremembered, forget_on_change
from backend.database import db, now
from backend.errors import InvalidToken
from backend.identity.subscriber_tables import Subscriber


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
    def refuse() -> Proved:
        raise InvalidToken("no")

    with pytest.raises(InvalidToken):
        recall.recall("a", refuse)
    assert recall.recall("a", Verifier())


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


def test_memory_is_bounded(recall: Recall[Proved], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
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
    forget_on_change(db.engine, recall)
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


def _read() -> None:
    assert db.session.query(Subscriber).one()
    db.session.commit()


def _add() -> None:
    db.session.add(Subscriber(name="shipping", models=[], created_by="mia"))
    db.session.commit()


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


def test_a_change_is_forgotten_when_it_is_done_and_not_before(app: Flask) -> None:
    """What is read between the statement and the commit is what was before, and must not stay."""
    recall: Recall[Proved] = Recall(3600)
    forget_on_change(db.engine, recall)
    verify = Verifier()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE subscribers SET state = 'suspended'"))
        recall.recall("a", verify)
    recall.recall("a", verify)
    assert verify.asked == 2
