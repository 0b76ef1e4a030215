"""What the statistics of monitoring do over simulated years, for the tables in docs/monitoring.md.

    python -m benchmarks.monitoring.simulate quiet --years 300
    python -m benchmarks.monitoring.simulate shifts --runs 20
    python -m benchmarks.monitoring.simulate challengers --pairs 500

Everything is seeded: the same command gives the same table.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from backend.monitoring.cells import CategoryCells, Counts, NumberCells
from backend.monitoring.challenge import Evidence, Floats, brier_advantage
from backend.monitoring.drift import WINDOWS, Cells, compare, look

PER_YEAR = 0.1
NUMBERS, WORDS = 10, 5
TRAINED_ROWS, ROWS_A_DAY = 1000, 200
_NAIVE = 0.05
_SHARES = 1 / np.arange(1, 13) ** 1.3
_SHARES /= _SHARES.sum()
_NAMES = np.array([f"kind {i}" for i in range(12)] + ["never seen"], dtype=object)

Rows = dict[str, Floats | list[str | None]]
Shift = Callable[[Rows, int, np.random.Generator], None]


def rows(count: int, random: np.random.Generator) -> Rows:
    """Live rows of an everyday table: bell-shaped and skewed numbers, one of them often missing, and categories, some of them rare."""
    table: Rows = {}
    for i in range(NUMBERS):
        values = random.normal(size=count) if i % 2 else random.exponential(size=count)
        if i == 0:
            values[random.random(count) < 0.1] = np.nan
        table[f"number {i}"] = values
    for i in range(WORDS):
        table[f"word {i}"] = list(_NAMES[random.choice(12, size=count, p=_SHARES)])
    table["prediction"] = random.beta(2, 5, size=count)
    return table


class Model:
    """What a model's training rows looked like, and the days since it serves."""

    def __init__(self, random: np.random.Generator) -> None:
        trained = rows(TRAINED_ROWS, random)
        self.cells: dict[str, Cells] = {
            name: CategoryCells.of(values) if isinstance(values, list) else NumberCells.of(values)
            for name, values in trained.items()
        }
        self.trained = self.counted(trained)
        self.days: list[Mapping[str, Counts]] = []

    def counted(self, table: Rows) -> dict[str, Counts]:
        return {name: self.cells[name].count(table[name]) for name in table}  # type: ignore[arg-type]

    def see(self, table: Rows) -> set[str]:
        """One more day; the columns that alarm."""
        self.days = [*self.days, self.counted(table)][-max(WINDOWS) :]
        return {alarm.column for alarm in look(self.cells, self.trained, self.days, per_year=PER_YEAR)}

    def naive(self) -> bool:
        """What the usual rule says of the last week: the test of any column has a p-value below 5 %."""
        week = self.days[-7:]
        return any(
            compare(cells, self.trained[name], np.sum([day[name] for day in week], axis=0))[1].p_value < _NAIVE
            for name, cells in self.cells.items()
        )


def quiet_year(seed: int) -> tuple[int, int, int]:
    """Alarms (a column counts anew once it was quiet for a look), naive weeks and weeks of one year in which nothing happens."""
    random = np.random.default_rng([1, seed])
    model, alarms, before, naive = Model(random), 0, set[str](), 0
    for day in range(365):
        now = model.see(rows(random.poisson(ROWS_A_DAY), random))
        alarms, before = alarms + len(now - before), now
        naive += day % 7 == 6 and model.naive()
    return alarms, naive, 365 // 7


def _numbers(table: Rows, name: str = "number 1") -> Floats:
    values = table[name]
    assert isinstance(values, np.ndarray)
    return values


def _some(table: Rows, share: float, value: float, random: np.random.Generator) -> None:
    values = _numbers(table)
    values[random.random(len(values)) < share] = value


def _words(table: Rows, share: float, word: str | None, random: np.random.Generator) -> None:
    values = table["word 1"]
    table["word 1"] = [word if random.random() < share else str(value) for value in values]


def _add(table: Rows, offset: float) -> None:
    _numbers(table)[:] += offset


def _stretch(table: Rows, factor: float) -> None:
    _numbers(table)[:] *= factor


SHIFTS: dict[str, Shift] = {
    "a number's mean moves by 0.25 standard deviations": lambda table, _, __: _add(table, 0.25),
    "a number's mean moves by 1 standard deviation": lambda table, _, __: _add(table, 1.0),
    "a number's mean creeps by 1 standard deviation in 60 days": lambda table, day, __: _add(table, min(1.0, day / 60)),
    "a number spreads 1.5 times as wide": lambda table, _, __: _stretch(table, 1.5),
    "a number comes in another unit (1000 times)": lambda table, _, __: _stretch(table, 1000.0),
    "a sensor sticks: one value for a fifth of the rows": lambda table, _, random: _some(table, 0.2, 0.0, random),
    "a number goes missing in 5 % of the rows": lambda table, _, random: _some(table, 0.05, np.nan, random),
    "a category never seen comes in 3 % of the rows": lambda table, _, random: _words(
        table, 0.03, "never seen", random
    ),
    "one category takes a tenth of the others' rows": lambda table, _, random: _words(table, 0.1, "kind 5", random),
    "predictions rise by a tenth": lambda table, _, __: table.update(prediction=_numbers(table, "prediction") + 0.1),
}


def days_until_alarm(shift: str, seed: int, most: int = 90) -> int | None:
    """Days from the shift, which comes after four quiet weeks, to the first alarm of that column; None where it never came."""
    random = np.random.default_rng([2, seed, list(SHIFTS).index(shift)])
    model = Model(random)
    column = "prediction" if "predictions" in shift else "word 1" if "category" in shift else "number 1"
    for _ in range(max(WINDOWS)):
        model.see(rows(random.poisson(ROWS_A_DAY), random))
    for day in range(1, most + 1):
        table = rows(random.poisson(ROWS_A_DAY), random)
        SHIFTS[shift](table, day, random)
        if column in model.see(table):
            return day
    return None


def pair(edge: float, seed: int) -> tuple[int | None, bool, bool]:
    """A champion and a challenger with `edge` more signal over 90 days of 50 outcomes, at a rate of 5 %.

    The day on which the challenger is called better, whether a z-test that is looked at daily ever says so, and what one at the end says.
    """
    random, evidence, called, peeked = np.random.default_rng([3, seed, int(edge * 1000)]), Evidence(), None, False
    total = squares = 0.0
    for day in range(1, 91):
        truth = random.integers(0, 2, 50)
        signal = (2 * truth - 1) + random.normal(size=50)
        champion, challenger = (
            1 / (1 + np.exp(-(signal + extra * (2 * truth - 1) + random.normal(scale=0.5, size=50))))
            for extra in (0.0, edge)
        )
        advantages = brier_advantage(truth, np.c_[1 - champion, champion], np.c_[1 - challenger, challenger])
        evidence, total, squares = evidence.add(advantages), total + advantages.sum(), squares + (advantages**2).sum()
        peeked |= bool(total / np.sqrt(squares) > 1.645)
        if called is None and evidence.verdict(0.05) == "better":
            called = day
    return called, peeked, bool(total / np.sqrt(squares) > 1.645)


def _quiet(pool: ProcessPoolExecutor, years: int) -> Iterator[str]:
    found = list(pool.map(quiet_year, range(years), chunksize=2))
    alarms, naive, weeks = (sum(column) for column in zip(*found, strict=True))
    yield f"{years} quiet years: {alarms} alarms, {alarms / years:.3f} a year; the budget is {PER_YEAR}."
    yield f"The usual rule (any column's p-value below {_NAIVE} in a week) alarms in {100 * naive / weeks:.0f} % of {weeks} quiet weeks."


def _shifts(pool: ProcessPoolExecutor, runs: int) -> Iterator[str]:
    yield "| what happens | found | days until the alarm: median | longest |\n|---|---|---|---|"
    for shift in SHIFTS:
        found = [day for day in pool.map(partial(days_until_alarm, shift), range(runs)) if day is not None]
        median, longest = (f"{np.median(found):g}", f"{max(found)}") if found else ("-", "-")
        yield f"| {shift} | {len(found)} of {runs} | {median} | {longest} |"


def _challengers(pool: ProcessPoolExecutor, pairs: int) -> Iterator[str]:
    yield "| challenger's edge | called better | median day | z-test at the end | z-test looked at daily |\n|---|---|---|---|---|"
    for edge in (0.0, 0.02, 0.05, 0.1, 0.2):
        found = list(pool.map(partial(pair, edge), range(pairs), chunksize=10))
        called = [day for day, _, _ in found if day is not None]
        peeked, fixed = (sum(said) / pairs for said in list(zip(*found, strict=True))[1:])
        median = f"{np.median(called):g}" if called else "-"
        yield f"| {edge} | {100 * len(called) / pairs:.1f} % | {median} | {100 * fixed:.1f} % | {100 * peeked:.1f} % |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["quiet", "shifts", "challengers"])
    parser.add_argument("--years", type=int, default=300)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    with ProcessPoolExecutor(chosen.processes) as pool:
        tables = {
            "quiet": (_quiet, chosen.years),
            "shifts": (_shifts, chosen.runs),
            "challengers": (_challengers, chosen.pairs),
        }
        table, count = tables[chosen.what]
        for line in table(pool, count):
            print(line, flush=True)


if __name__ == "__main__":
    main()
