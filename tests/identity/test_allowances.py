"""Rates and quotas: never more than the limit, exactly the limit where everybody asks until refused, whoever counts."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, event, select

from backend.database import Table, db
from backend.errors import TooManyRequests
from backend.identity import allowances as module
from backend.identity.allowance_tables import Allowance
from backend.identity.allowances import DAY, MINUTE, Allowances
from backend.identity.subscriber_tables import Subscriber
from backend.settings import REPOSITORY

NOON = 1_800_000_000 // 86400 * 86400 + 12 * 3600


class Clock:
    def __init__(self) -> None:
        self.seconds = float(NOON)

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, app: Flask) -> Iterator[Engine]:
    """A database of each kind, with one subscriber."""
    if request.param == "sqlite":
        yield db.engine
        return
    made = create_engine(request.getfixturevalue("postgresql_url"))
    Table.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def subscriber(engine: Engine) -> str:
    with engine.begin() as connection:
        row = {"id": "a", "name": "billing", "models": [], "description": "", "state": "active", "created_by": "mia"}
        connection.execute(Subscriber.__table__.insert(), row)
    return "a"


@pytest.fixture
def allowances(engine: Engine, clock: Clock) -> Allowances:
    return Allowances(engine, clock)


def _spend(allowances: Allowances, subscriber: str, most: int, *, period: object = DAY) -> bool:
    try:
        allowances.spend(subscriber, period, most)  # type: ignore[arg-type]
    except TooManyRequests:
        return False
    return True


def _taken(engine: Engine) -> list[tuple[str, int]]:
    with engine.connect() as connection:
        rows = connection.execute(select(Allowance.period, Allowance.taken).order_by(Allowance.period))
        return [(row.period, row.taken) for row in rows]


@pytest.mark.parametrize("most", [1, 2, 99, 100, 250, 1234])
def test_exactly_the_limit_is_let_through(allowances: Allowances, subscriber: str, most: int) -> None:
    assert sum(_spend(allowances, subscriber, most) for _ in range(most + 20)) == most


def test_of_50_calls_at_once_at_the_last_unit_one_passes(allowances: Allowances, subscriber: str) -> None:
    """Case 42."""
    for _ in range(999):
        assert _spend(allowances, subscriber, 1000)
    together = threading.Barrier(50)

    def call(_: int) -> bool:
        together.wait()
        return _spend(allowances, subscriber, 1000)

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(call, range(50))) == 1


def test_of_50_calls_at_once_of_as_many_processes_at_the_last_unit_one_passes(
    engine: Engine, clock: Clock, subscriber: str
) -> None:
    first = Allowances(engine, clock)
    for _ in range(99):
        assert _spend(first, subscriber, 100)
    others = [Allowances(engine, clock) for _ in range(50)]
    together = threading.Barrier(10)

    def call(some: list[Allowances]) -> int:
        together.wait()
        return sum(_spend(one, subscriber, 100) for one in some)

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(call, [others[place::10] for place in range(10)])) == 1


def test_processes_together_let_exactly_the_limit_through(settings: object, app: Flask) -> None:
    row = {"id": "a", "name": "billing", "models": [], "description": "", "state": "active", "created_by": "mia"}
    with db.engine.begin() as connection:
        connection.execute(Subscriber.__table__.insert(), row)
    source = (
        "import sys; from sqlalchemy import create_engine; from backend.errors import TooManyRequests\n"
        "from backend.identity.allowances import Allowances, DAY\n"
        f"allowances, passed = Allowances(create_engine(sys.argv[1]), lambda: {NOON}.0), 0\n"
        "try:\n    while True:\n        allowances.spend('a', DAY, 5000)\n        passed += 1\n"
        "except TooManyRequests:\n    print(passed)\n"
    )
    command = [sys.executable, "-c", source, app.config["SQLALCHEMY_DATABASE_URI"]]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sum(int(process.communicate(timeout=60)[0]) for process in running) == 5000


def test_the_next_window_begins_anew_and_is_told_of(allowances: Allowances, subscriber: str, clock: Clock) -> None:
    clock.seconds += 0.5
    assert _spend(allowances, subscriber, 1, period=MINUTE)
    for later, wait in ((0, 60), (30, 30), (59.4, 1)):
        clock.seconds = NOON + 0.5 + later
        with pytest.raises(TooManyRequests) as refusal:
            allowances.spend(subscriber, MINUTE, 1)
        assert refusal.value.retry_after == wait
    clock.seconds = NOON + 60
    assert _spend(allowances, subscriber, 1, period=MINUTE)
    assert not _spend(allowances, subscriber, 1, period=MINUTE)


def test_a_day_is_one_of_utc(allowances: Allowances, subscriber: str, clock: Clock) -> None:
    assert _spend(allowances, subscriber, 1)
    with pytest.raises(TooManyRequests) as refusal:
        allowances.spend(subscriber, DAY, 1)
    assert refusal.value.retry_after == 12 * 3600
    clock.seconds += 12 * 3600
    assert _spend(allowances, subscriber, 1)


def test_what_was_used_survives_a_restart(engine: Engine, clock: Clock, subscriber: str) -> None:
    assert [_spend(Allowances(engine, clock), subscriber, 3) for _ in range(4)] == [True, True, True, False]


def test_a_clock_that_is_put_back_gives_nothing_a_second_time(engine: Engine, clock: Clock, subscriber: str) -> None:
    """Case 67."""
    same = Allowances(engine, clock)
    assert _spend(same, subscriber, 1)
    clock.seconds -= 48 * 3600
    assert not _spend(same, subscriber, 1)
    assert not _spend(Allowances(engine, clock), subscriber, 1)  # another process, or this one after a restart


def test_another_limit_holds_at_once(allowances: Allowances, subscriber: str) -> None:
    assert [_spend(allowances, subscriber, 2) for _ in range(3)] == [True, True, False]
    assert [_spend(allowances, subscriber, 3) for _ in range(2)] == [True, False]
    assert not _spend(allowances, subscriber, 1)


def test_windows_and_subscribers_are_apart(allowances: Allowances, engine: Engine, subscriber: str) -> None:
    with engine.begin() as connection:
        row = {"id": "b", "name": "other", "models": [], "description": "", "state": "active", "created_by": "mia"}
        connection.execute(Subscriber.__table__.insert(), row)
    assert [_spend(allowances, who, 1, period=period) for who in "ab" for period in (DAY, MINUTE)] == [True] * 4
    assert [_spend(allowances, who, 1, period=period) for who in "ab" for period in (DAY, MINUTE)] == [False] * 4


def test_the_database_is_asked_once_in_a_hundred(allowances: Allowances, engine: Engine, subscriber: str) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *asked: statements.append(asked[2]))
    for _ in range(1000):
        assert _spend(allowances, subscriber, 1_000_000)
    assert len(statements) == 10
    assert _taken(engine) == [("day", 1000)]


def test_once_refused_the_database_is_not_asked_again(allowances: Allowances, engine: Engine, subscriber: str) -> None:
    assert _spend(allowances, subscriber, 1)
    assert not _spend(allowances, subscriber, 1)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *asked: statements.append(asked[2]))
    assert not any(_spend(allowances, subscriber, 1) for _ in range(100))
    assert statements == []


def test_a_subscriber_that_was_removed_has_nothing_left(
    allowances: Allowances, engine: Engine, subscriber: str
) -> None:
    assert _spend(allowances, subscriber, 1)
    with engine.begin() as connection:
        connection.execute(Subscriber.__table__.delete())
    assert _taken(engine) == []
    assert not _spend(allowances, subscriber, 100)


@pytest.fixture
def crowd(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """More subscribers than a process is to hold."""
    monkeypatch.setattr(module, "_MOST_PURSES", 8)
    ids = [f"s{number}" for number in range(20)]
    rows = [
        {"id": one, "name": one, "models": [], "description": "", "state": "active", "created_by": "mia"} for one in ids
    ]
    with engine.begin() as connection:
        connection.execute(Subscriber.__table__.insert(), rows)
    return ids


def test_what_a_process_holds_is_bounded_and_no_quota_begins_anew(allowances: Allowances, crowd: list[str]) -> None:
    """Every subscriber is forgotten again and again; each still has exactly its limit, portions of 100 or of one."""
    let_in = dict.fromkeys(crowd, 0)
    for _ in range(260):
        for one in crowd:
            let_in[one] += _spend(allowances, one, 250)
            assert len(allowances._purses) <= 8
    assert let_in == dict.fromkeys(crowd, 250)


def test_what_is_held_of_windows_that_go_on_is_given_back(
    allowances: Allowances, engine: Engine, crowd: list[str]
) -> None:
    for one in crowd:
        assert _spend(allowances, one, 10_000)
    held = sum(purse.left for purse in allowances._purses.values())
    assert 0 < held < 8 * 100
    assert sum(taken for _, taken in _taken(engine)) == len(crowd) + held


def test_windows_that_are_over_are_let_go_first(
    allowances: Allowances, engine: Engine, crowd: list[str], clock: Clock
) -> None:
    """What is held of minutes is worth nothing a minute later, and is given to no other minute."""
    assert _spend(allowances, crowd[0], 10_000)
    for one in crowd[:7]:
        assert _spend(allowances, one, 10_000, period=MINUTE)
    before = _taken(engine)
    clock.seconds += 60
    assert _spend(allowances, crowd[19], 10_000)
    assert set(allowances._purses) == {(crowd[0], "day"), (crowd[19], "day")}
    assert _taken(engine) == sorted([*before, ("day", 100)])


def test_who_was_about_to_spend_what_is_let_go_takes_anew(allowances: Allowances, crowd: list[str]) -> None:
    assert _spend(allowances, crowd[0], 10_000)
    held = allowances._purses[crowd[0], "day"]
    assert allowances.spend_held(crowd[0], [(DAY, 10_000)])
    for one in crowd[1:]:
        assert _spend(allowances, one, 10_000)
    assert held.left == 0
    assert not allowances.spend_held(crowd[0], [(DAY, 10_000)])
    assert _spend(allowances, crowd[0], 10_000)
