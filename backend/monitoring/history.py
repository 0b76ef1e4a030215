"""Traffic for people to look at: a span of time and a question come in, figures step by step go out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, Select, func, select

from backend.database import db
from backend.errors import Invalid
from backend.monitoring.latency import BUCKETS, quantile
from backend.monitoring.minutes import SECONDS
from backend.monitoring.tables import SUMS, traffic

By = Literal["model", "version", "protocol", "caller"]

MOST_POINTS = 1500
_USUAL_POINTS = 120
_STEPS = tuple(timedelta(minutes=m) for m in (1, 5, 10, 15, 30, 60, 120, 360, 720, 1440))
_SUCCEEDED, _REFUSED = 2, 4


@dataclass
class Figures:
    """What became of the requests of some time: `refused` by 4xx, `failed` by 5xx; how long those that succeeded took, in seconds."""

    requests: int = 0
    refused: int = 0
    failed: int = 0
    rows: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    @property
    def errors(self) -> int:
        return self.refused + self.failed

    @property
    def error_rate(self) -> float | None:
        return self.errors / self.requests if self.requests else None

    @property
    def p50(self) -> float | None:
        return quantile(0.5, self.latency)

    @property
    def p95(self) -> float | None:
        return quantile(0.95, self.latency)

    @property
    def p99(self) -> float | None:
        return quantile(0.99, self.latency)

    def add(self, status: int, row: Row[Any]) -> None:
        """More of them, as a row of sums has it."""
        self.requests += row.requests
        self.rows += int(row.rows)  # PostgreSQL sums large integers as decimals
        if status == _SUCCEEDED:
            self.latency = [a + b for a, b in zip(self.latency, row[-BUCKETS:], strict=True)]
        elif status == _REFUSED:
            self.refused += row.requests
        else:
            self.failed += row.requests


@dataclass(frozen=True)
class Span:
    """From `since` to before `until`, in steps of whole minutes; both are aligned to the step.

    What is older than two days is known by the hour, and stands in the first step of its hour.
    """

    since: datetime
    until: datetime
    step: timedelta

    @property
    def points(self) -> int:
        return (self.until - self.since) // self.step


@dataclass
class Line:
    """The figures of one model, version, protocol or caller, or of all together (`key` is empty)."""

    key: Mapping[str, str]
    total: Figures
    points: list[Figures]


def span_of(since: datetime | None, until: datetime | None, step: timedelta | None, *, moment: datetime) -> Span:
    """The span that is meant: a day up to this moment, in about a hundred steps, where nothing is said; Invalid for one that is none."""
    try:
        span = _span(since, until or moment, step)
    except (OverflowError, ValueError, OSError) as error:  # where time ends, on one machine or another
        raise Invalid("These times are out of range.") from error
    if span.points > MOST_POINTS:
        raise Invalid(f"That is {span.points} steps; {MOST_POINTS} are the most. Take a longer 'step'.")
    return span


def _span(since: datetime | None, until: datetime, step: timedelta | None) -> Span:
    since = since or until - timedelta(days=1)
    if since >= until:
        raise Invalid("'since' must be before 'until'.")
    step = step or next((s for s in _STEPS if (until - since) / s <= _USUAL_POINTS), _STEPS[-1])
    return Span(_floor(since, step), _floor(until - timedelta(microseconds=1), step) + step, step)


def read_lines(span: Span, only: Mapping[str, str], by: By | None) -> list[Line]:
    """The figures of what fits `only`, together or apart `by` something; the busiest first."""
    keys: tuple[str, ...] = ("model", "version") if by == "version" else (by,) if by else ()
    lines: dict[tuple[str, ...], Line] = {}
    if not keys:
        lines[()] = _empty(span, {})
    for row in _sums(span, only, keys):
        key = tuple(getattr(row, name) for name in keys)
        if key not in lines:
            lines[key] = _empty(span, dict(zip(keys, key, strict=True)))
        lines[key].points[row.point].add(row.status, row)
        lines[key].total.add(row.status, row)
    return sorted(lines.values(), key=lambda line: (-line.total.requests, *line.key.values()))


def read_totals(since: datetime, until: datetime, by: By) -> list[tuple[Mapping[str, str], Figures]]:
    """The figures of whole minutes apart `by` something, without steps; the busiest first."""
    minute = timedelta(seconds=SECONDS)
    first, last = _floor(since, minute), _floor(until, minute) + minute
    return [(line.key, line.total) for line in read_lines(Span(first, last, last - first), {}, by)]


def together(all_figures: Iterable[Figures]) -> Figures:
    """The sum of these."""
    total = Figures()
    for figures in all_figures:
        total.requests += figures.requests
        total.refused += figures.refused
        total.failed += figures.failed
        total.rows += figures.rows
        total.latency = [a + b for a, b in zip(total.latency, figures.latency, strict=True)]
    return total


def _sums(span: Span, only: Mapping[str, str], keys: tuple[str, ...]) -> Iterable[Row[Any]]:
    first, last = _minute(span.since), _minute(span.until)
    point = ((traffic.c.minute - first) // int(span.step.total_seconds() // SECONDS)).label("point")
    groups = (*(traffic.c[key] for key in keys), traffic.c.status)
    sums = (func.sum(traffic.c[name]).label(name) for name in SUMS)
    wanted: Select[Any] = (
        select(point, *groups, *sums)
        .where(traffic.c.minute >= first, traffic.c.minute < last)
        .group_by("point", *groups)  # by its name: PostgreSQL does not see that two parameters are one
    )
    for name, value in only.items():
        wanted = wanted.where(traffic.c[name] == value)
    return db.session.execute(wanted)


def _empty(span: Span, key: Mapping[str, str]) -> Line:
    return Line(key, Figures(), [Figures() for _ in range(span.points)])


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // SECONDS


def _floor(moment: datetime, step: timedelta) -> datetime:
    seconds = int(step.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, UTC)
