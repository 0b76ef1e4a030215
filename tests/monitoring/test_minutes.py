"""Sums on their way into the database: whole, once, from several processes, and kept while it is away."""

import threading
import time

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from backend.database import db
from backend.migrations.upgrade import upgrade
from backend.monitoring import minutes as module
from backend.monitoring.minutes import HOURLY, SECONDS, Minutes
from backend.monitoring.pulse import Pulse
from backend.monitoring.tables import traffic
from backend.monitoring.traffic import Series, Sums, Traffic
from backend.settings import Settings
from backend.storage import create_storage
from tests.monitoring.conftest import Clock
from tests.server.conftest import eventually

SERIES = Series("iris", "1", "native", "people", 200)


def _sums(count: int = 1) -> Sums:
    return Sums(count, count, 0.002 * count, [0, 0, 0, 0, count] + [0] * 12)


def _stored() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.coalesce(func.sum(traffic.c.requests), 0))) or 0


def test_sums_of_several_processes_add_up_and_none_is_counted_twice(either_storage: Flask, clock: Clock) -> None:
    processes = [Minutes(db.engine, clock) for _ in range(3)]
    for process in processes:
        process.add({SERIES: _sums(), SERIES._replace(status=201): _sums()})
        process.flush()
        process.flush()
        process.add({SERIES: _sums(5)})
        process.flush()
    assert _stored() == 3 * 7
    rows = db.session.execute(select(traffic)).all()
    assert {(row.minute, row.status, row.requests) for row in rows} == {(30_000_000, 2, 7)}
    assert sum(row.latency_4 for row in rows) == 21


def test_a_minute_is_forgotten_once_it_is_over_and_written(storage: Flask, clock: Clock) -> None:
    minutes = Minutes(db.engine, clock)
    for _ in range(3):
        minutes.add({SERIES: _sums()})
        clock.at += SECONDS
        minutes.flush()
    assert len(minutes._minutes) == 0
    assert _stored() == 3


def test_a_clock_that_is_put_back_loses_nothing(storage: Flask, clock: Clock) -> None:
    minutes = Minutes(db.engine, clock)
    minutes.add({SERIES: _sums(3)})
    clock.at += SECONDS
    minutes.flush()
    clock.at -= SECONDS
    minutes.add({SERIES: _sums(4)})
    minutes.flush()
    assert _stored() == 7


def test_sums_wait_for_a_database_that_is_away_but_not_for_ever(storage: Flask, clock: Clock,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(module, "_MOST_MINUTES", 3)
    minutes = Minutes(db.engine, clock)
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE traffic RENAME TO away"))
    for _ in range(5):
        minutes.add({SERIES: _sums()})
        minutes.flush()
        clock.at += SECONDS
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO traffic"))
    minutes.flush()
    assert _stored() == 3


def test_what_is_too_old_is_removed(storage: Flask, clock: Clock) -> None:
    minutes = Minutes(db.engine, clock)
    for _ in range(3):
        minutes.add({SERIES: _sums()})
        minutes.flush()
        clock.at += 24 * 3600
    minutes.tidy(days=2)
    assert _stored() == 2


def test_old_minutes_become_hours_and_no_sum_changes(either_storage: Flask, clock: Clock) -> None:
    began = clock.at
    minutes = Minutes(db.engine, clock)
    for _ in range(90):
        minutes.add({SERIES: _sums(), SERIES._replace(status=500): _sums(2)})
        minutes.flush()
        clock.at += SECONDS
    for _ in range(3):  # again and again, as each process does
        minutes.tidy(days=30)
    assert db.session.scalar(select(func.count()).select_from(traffic)) == 180
    clock.at = began + 2 * 24 * 3600 + 3600 + 60
    Minutes(db.engine, clock).tidy(days=30)
    Minutes(db.engine, clock).tidy(days=30)
    _late_writer(clock, began)
    Minutes(db.engine, clock).tidy(days=30)
    assert _stored() == 90 * 3 + 7
    rows = db.session.execute(select(traffic).where(traffic.c.writer == HOURLY)).all()
    assert {(row.minute, row.status, row.requests, row.latency_4) for row in rows} == {
        (30_000_000, 2, 60 + 7, 60 + 7), (30_000_000, 5, 120, 120),
    }  # fmt: skip
    assert db.session.scalar(select(func.count()).select_from(traffic)) == 2 + 2 * 30


def _late_writer(clock: Clock, at: float) -> None:
    """A process whose sums of an old minute come after that minute was folded."""
    late = Minutes(db.engine, Clock(at))
    late.add({SERIES: _sums(7)})
    late.flush()


@pytest.mark.postgres
def test_processes_that_tidy_at_once_count_nothing_twice(settings: Settings, postgresql_url: str, clock: Clock) -> None:
    settings = settings.model_copy(update={"database_url": postgresql_url})
    upgrade(settings)
    app = create_storage(settings)
    with app.app_context():
        minutes = Minutes(db.engine, clock)
        for _ in range(30):
            minutes.add({SERIES: _sums()})
            minutes.flush()
            clock.at += SECONDS
        clock.at += 3 * 24 * 3600
        threads = [threading.Thread(target=Minutes(db.engine, clock).tidy, args=(30,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert _stored() == 30
        assert db.session.scalar(select(func.count()).select_from(traffic)) == 1
        db.session.remove()
        db.engine.dispose()


def test_the_pulse_writes_by_itself_and_whatever_is_left_when_it_stops(
    storage: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.monitoring.pulse.BEAT_SECONDS", 0.01)
    monkeypatch.setattr("backend.monitoring.pulse.FLUSH_SECONDS", 0.02)
    counted = Traffic(lambda _: True)
    pulse = Pulse(counted, Minutes(db.engine, time.time), days=1)
    pulse.start()
    _record(counted)
    eventually(lambda: _stored() == 1)
    monkeypatch.setattr("backend.monitoring.pulse.FLUSH_SECONDS", 3600)
    _record(counted)
    pulse.stop()
    assert _stored() == 2


def test_the_pulse_tidies_soon_after_its_start(storage: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.monitoring.pulse.BEAT_SECONDS", 0.01)
    old = Minutes(db.engine, clock)
    old.add({SERIES: _sums()})
    old.flush()
    clock.at += 10 * 24 * 3600
    pulse = Pulse(Traffic(lambda _: True), Minutes(db.engine, clock), days=5)
    pulse.start()
    eventually(lambda: _stored() == 0)
    pulse.stop()


def test_a_keeper_that_fails_does_not_end_the_pulse(storage: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.monitoring.pulse.BEAT_SECONDS", 0.01)
    monkeypatch.setattr("backend.monitoring.pulse.FLUSH_SECONDS", 0.01)
    calls = []

    def broken(_: object) -> None:
        calls.append(1)
        raise RuntimeError

    counted = Traffic(lambda _: True)
    pulse = Pulse(counted, Minutes(db.engine, time.time), 1, [broken])
    pulse.start()
    _record(counted)
    eventually(lambda: len(calls) > 2)
    pulse._keepers = pulse._keepers[:1]
    pulse.stop()
    assert _stored() == 1


def _record(counted: Traffic) -> None:
    counted.record(model="iris", version="1", protocol="native", caller=None, rows=1, seconds=0.001, status=200)
