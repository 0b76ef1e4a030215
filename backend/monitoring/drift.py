"""Whether live rows differ from training rows: two counts by cell come in; how much they differ, and how surely, goes out.

Each test is of two samples, so that a small training set cries wolf no more than a large one, and is judged at its share of one budget
of false alarms per model and year. Expectations add up whatever the tests have to do with each other, so the budget holds
however features hang together and windows overlap (Bonferroni's inequality, for the expected number of false alarms).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special, stats

from backend.monitoring.cells import CategoryCells, Counts, NumberCells

Cells = NumberCells | CategoryCells
Sign = Literal["shape", "order", "missing", "unseen"]

# Days that one look each takes together: a sudden change shows in one, a small one, or one of a model that is asked rarely, in many.
WINDOWS = (1, 7, 28)
LOOKS_PER_YEAR = 365
FEWEST_ROWS = 30
# Less than this no prediction is worse for, however sure it is that something changed. PSI is that above what chance gives.
MATERIAL_PSI, MATERIAL_RATE, MATERIAL_DISTANCE = 0.05, 0.01, 0.05
# Where fewer rows are expected in a cell, its part of chi-square has a longer tail than the distribution that it is judged by.
_FEWEST_EXPECTED = 10.0


@dataclass(frozen=True)
class Change:
    """One sign of drift: `size` in its own measure, `p_value` of so large a one where nothing changed, and whether the size matters.

    shape: population stability index, less what chance gives (chi-square test of two samples).
    order: the largest distance of the two cumulative distributions (Kolmogorov-Smirnov test of two samples), numbers only.
    missing, unseen: the live rate less the training rate (Fisher's exact test).
    """

    sign: Sign
    size: float
    p_value: float
    material: bool


def compare(cells: Cells, trained: Counts, live: Counts) -> tuple[Change, ...]:
    """The signs of drift in one column, from rows by cell in training and in a window of live traffic."""
    changes = [_missing(trained, live), _shape(trained[:-1], live[:-1])]
    if isinstance(cells, NumberCells):
        return (*changes, _order(trained[:-1], live[:-1]))
    return (*changes, _rate("unseen", trained[:-1], live[:-1]))


def signs_of(cells: Cells) -> int:
    """How many tests `compare` makes."""
    return 3 if cells else 0


def stability_index(trained: Counts, live: Counts) -> float:
    """Population stability index of live rows against training rows (natural logarithm); half a row more in each cell."""
    a, b = (trained + 0.5) / (trained.sum() + len(trained) / 2), (live + 0.5) / (live.sum() + len(live) / 2)
    return float(((b - a) * np.log(b / a)).sum())


@dataclass(frozen=True)
class Budget:
    """`per_year` false alarms are expected at most from a model whose live rows are like its training rows, over all of its columns."""

    per_year: float
    columns: int

    def level(self, tests: int) -> float:
        """The p-value below which one of a column's tests alarms."""
        return self.per_year / (LOOKS_PER_YEAR * len(WINDOWS) * self.columns * tests)


@dataclass(frozen=True)
class Alarm:
    """A column in which live rows differ from training rows, as seen over so many days."""

    column: str
    days: int
    change: Change


def look(
    columns: Mapping[str, Cells],
    trained: Mapping[str, Counts],
    days: Sequence[Mapping[str, Counts]],
    *,
    per_year: float,
) -> list[Alarm]:
    """The alarms of one daily look; `days` are counts by column, today's last. The same column may alarm by several signs and windows."""
    budget = Budget(per_year, max(1, len(columns)))
    return [
        Alarm(column, window, change)
        for window in WINDOWS
        if len(days) >= window
        for column, cells in columns.items()
        for change in _window(cells, trained[column], [day[column] for day in days[-window:] if column in day])
        if change.material and change.p_value < budget.level(signs_of(cells))
    ]


def _window(cells: Cells, trained: Counts, days: Sequence[Counts]) -> tuple[Change, ...]:
    live = np.sum(days, axis=0) if days else np.zeros_like(trained)
    return compare(cells, trained, live) if min(live.sum(), trained.sum()) >= FEWEST_ROWS else ()


def _missing(trained: Counts, live: Counts) -> Change:
    return _rate("missing", trained, live)


def _rate(sign: Sign, trained: Counts, live: Counts) -> Change:
    """Of the last cell against all others."""
    n, m = int(trained.sum()), int(live.sum())
    if not n or not m:
        return _nothing(sign)
    a, b = int(trained[-1]), int(live[-1])
    if not a + b:
        return _nothing(sign)
    law = (n + m, a + b, m)
    p_value = min(1.0, 2 * min(stats.hypergeom.sf(b - 1, *law), stats.hypergeom.cdf(b, *law)))
    size = b / m - a / n
    return Change(sign, size, float(p_value), abs(size) >= MATERIAL_RATE)


def _shape(trained: Counts, live: Counts) -> Change:
    n, m = int(trained.sum()), int(live.sum())
    if not n or not m:
        return _nothing("shape")
    a, b = _merged(trained, live)
    by_chance = (len(trained) - 1) * (1 / n + 1 / m)
    size = stability_index(trained, live) - by_chance
    if len(a) < 2:
        return _nothing("shape")
    statistic = float(((np.sqrt(m / n) * a - np.sqrt(n / m) * b) ** 2 / (a + b)).sum())
    return Change("shape", size, float(special.chdtrc(len(a) - 1, statistic)), size >= MATERIAL_PSI)


def _merged(trained: Counts, live: Counts) -> tuple[Counts, Counts]:
    """Neighbouring cells, put together until enough rows are expected in each of both samples."""
    n, m = trained.sum(), live.sum()
    wanted = _FEWEST_EXPECTED * (n + m) / min(n, m)
    starts, waiting = [0], 0
    both = trained + live
    for place, rows in enumerate(both):
        if waiting >= wanted and both[place:].sum() >= wanted:
            starts.append(place)
            waiting = 0
        waiting += int(rows)
    return np.add.reduceat(trained, starts), np.add.reduceat(live, starts)


def _order(trained: Counts, live: Counts) -> Change:
    n, m = int(trained.sum()), int(live.sum())
    if not n or not m:
        return _nothing("order")
    distance = float(np.abs(np.cumsum(trained) / n - np.cumsum(live) / m).max())
    p_value = float(special.kolmogorov(distance * np.sqrt(n * m / (n + m))))
    return Change("order", distance, p_value, distance >= MATERIAL_DISTANCE)


def _nothing(sign: Sign) -> Change:
    """Where one sample has no rows, nothing can be said."""
    return Change(sign, 0.0, 1.0, material=False)
