"""Figures step by step, the same on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from backend.database import db
from backend.errors import Invalid
from backend.monitoring.history import MOST_POINTS, Span, read_lines, read_totals, span_of
from backend.monitoring.minutes import SECONDS, Minutes
from backend.monitoring.traffic import Series, Sums
from tests.monitoring.conftest import Clock

MINUTE = timedelta(minutes=1)


def _at(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.at, UTC)


def _fill(clock: Clock) -> None:
    """Three minutes: version 1 answers, is refused, fails; version 2 answers in the third."""
    minutes = Minutes(db.engine, clock)
    fast, slow = [0] * 4 + [9] + [0] * 12, [0] * 8 + [1] + [0] * 8
    minutes.add({Series("iris", "1", "native", "people", 200): Sums(9, 90, 0.02, fast)})
    clock.at += SECONDS
    minutes.add(
        {
            Series("iris", "1", "native", "subscriber:a", 200): Sums(1, 1, 0.03, slow),
            Series("iris", "1", "mlflow", "subscriber:a", 422): Sums(2, 0, 0.0, [2] + [0] * 16),
            Series("iris", "", "mlflow", "nobody", 401): Sums(3, 0, 0.0, [3] + [0] * 16),
        }
    )
    clock.at += SECONDS
    minutes.add(
        {
            Series("iris", "1", "native", "people", 503): Sums(4, 0, 0.0, [4] + [0] * 16),
            Series("bikes", "2", "native", "people", 200): Sums(5, 5, 0.01, [0] * 4 + [5] + [0] * 12),
        }
    )
    minutes.flush()
    clock.at -= 2 * SECONDS


def test_one_line_for_all(either_storage: Flask, clock: Clock) -> None:
    _fill(clock)
    start = _at(clock)
    (line,) = read_lines(Span(start, start + 4 * MINUTE, MINUTE), {}, None)
    assert [point.requests for point in line.points] == [9, 6, 9, 0]
    assert [(point.refused, point.failed, point.errors) for point in line.points[:3]] == [
        (0, 0, 0),
        (5, 0, 5),
        (0, 4, 4),
    ]
    # Only what succeeded has a latency: refusals are quick and would make it look better.
    assert line.points[1].p50 == pytest.approx(0.0375)
    assert line.points[3].p99 is None
    assert (line.total.rows, line.total.p50, line.total.error_rate) == (96, 0.001804, 9 / 24)


def test_lines_apart_and_filtered(either_storage: Flask, clock: Clock) -> None:
    _fill(clock)
    span = Span(_at(clock), _at(clock) + 4 * MINUTE, 2 * MINUTE)
    versions = read_lines(span, {}, "version")
    assert [(line.key, line.total.requests) for line in versions] == [
        ({"model": "iris", "version": "1"}, 16),
        ({"model": "bikes", "version": "2"}, 5),
        ({"model": "iris", "version": ""}, 3),
    ]
    assert [[point.requests for point in line.points] for line in versions] == [[12, 4], [0, 5], [3, 0]]
    (line,) = read_lines(span, {"model": "iris", "caller": "subscriber:a"}, None)
    assert [point.requests for point in line.points] == [3, 0]
    assert read_lines(span, {"model": "nothing"}, "model") == []
    (empty,) = read_lines(span, {"model": "nothing"}, None)
    assert (empty.total.requests, empty.total.error_rate) == (0, None)


def test_totals(either_storage: Flask, clock: Clock) -> None:
    _fill(clock)
    totals = read_totals(_at(clock) + timedelta(seconds=30), _at(clock) + timedelta(seconds=95), "model")
    assert [(key["model"], figures.requests) for key, figures in totals] == [("iris", 15)]


MOMENT = datetime(2026, 7, 1, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "step", "points"),
    [
        (24, timedelta(minutes=15), 97),
        (1, MINUTE, 61),
        (24 * 30, timedelta(hours=6), 121),
        (24 * 366, timedelta(days=1), 367),
    ],
    ids=str,
)
def test_a_step_is_chosen_for_the_span(hours: int, step: timedelta, points: int) -> None:
    span = span_of(MOMENT - timedelta(hours=hours), None, None, moment=MOMENT)
    assert (span.step, span.points) == (step, points)
    assert span.since <= MOMENT - timedelta(hours=hours)
    assert span.until >= MOMENT


def test_a_span_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid, match="before"):
        span_of(MOMENT, MOMENT, None, moment=MOMENT)
    with pytest.raises(Invalid, match=str(MOST_POINTS)):
        span_of(MOMENT - timedelta(days=5), MOMENT, MINUTE, moment=MOMENT)
