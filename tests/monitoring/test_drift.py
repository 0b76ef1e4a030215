"""Live rows against training rows: what is quiet stays quiet within the budget, and what changed is told by its name."""

import numpy as np
import pytest
from scipy import stats

from backend.monitoring.cells import CategoryCells, Counts, NumberCells
from backend.monitoring.drift import FEWEST_ROWS, WINDOWS, Budget, Change, compare, look, signs_of, stability_index
from benchmarks.monitoring.simulate import SHIFTS, days_until_alarm, quiet_year

RANDOM = np.random.default_rng(7)
TRAINED = RANDOM.normal(size=2000)
NUMBERS = NumberCells.of(TRAINED)
KINDS = RANDOM.choice(["a", "b", "c"], size=2000, p=[0.6, 0.3, 0.1]).tolist()
WORDS = CategoryCells.of(KINDS)


def numbers(live: np.ndarray) -> dict[str, Change]:  # type: ignore[type-arg]
    return {change.sign: change for change in compare(NUMBERS, NUMBERS.count(TRAINED), NUMBERS.count(live))}


def words(live: list[str | None]) -> dict[str, Change]:
    return {change.sign: change for change in compare(WORDS, WORDS.count(KINDS), WORDS.count(live))}


def test_as_many_tests_as_the_budget_is_divided_by() -> None:
    assert len(numbers(TRAINED)) == signs_of(NUMBERS)
    assert len(words(list(KINDS))) == signs_of(WORDS)


def test_the_index_is_that_of_the_field() -> None:
    trained, live = np.array([500, 300, 200]), np.array([400, 350, 250])
    a, b = trained / 1000, live / 1000
    assert stability_index(trained, live) == pytest.approx(float(((b - a) * np.log(b / a)).sum()), rel=0.02)


def test_the_p_value_of_a_shape_is_that_of_a_contingency_table() -> None:
    trained, live = np.array([500, 300, 200, 0]), np.array([40, 35, 25, 0])
    (_, shape, _) = compare(CategoryCells(("a", "b")), trained, live)
    assert shape.p_value == pytest.approx(stats.chi2_contingency([trained[:-1], live[:-1]], correction=False).pvalue)


def test_the_p_value_of_a_rate_is_fishers() -> None:
    trained, live = np.array([950, 50]), np.array([180, 20])
    missing = compare(NumberCells(()), trained, live)[0]
    greater = stats.fisher_exact([[20, 180], [50, 950]], alternative="greater").pvalue
    assert missing.p_value == pytest.approx(2 * greater)
    assert missing.size == pytest.approx(0.05)


def test_cells_of_few_rows_are_tested_together() -> None:
    """One row in a cell that training left empty is no surprise, whatever the formula makes of it."""
    trained, live = np.array([980, 10, 5, 3, 1, 1, 0, 0]), np.array([97, 0, 0, 0, 1, 1, 1, 0])
    (_, shape, _) = compare(CategoryCells(tuple("abcdef")), trained, live)
    assert shape.p_value > 0.05


@pytest.mark.parametrize(
    ("sign", "live"),
    [
        ("shape", RANDOM.normal(scale=2.0, size=300)),
        ("order", RANDOM.normal(loc=0.5, size=300)),
        ("missing", np.append(RANDOM.normal(size=280), [np.nan] * 20)),
    ],
    ids=["wider", "higher", "missing"],
)
def test_a_change_of_numbers_is_told_by_its_sign(sign: str, live: np.ndarray) -> None:  # type: ignore[type-arg]
    change = numbers(live)[sign]
    assert change.material
    assert change.p_value < 1e-6


def test_a_category_never_met_is_told() -> None:
    live: list[str | None] = [*KINDS[:290], *["new"] * 10]
    assert words(live)["unseen"].p_value < 1e-6
    assert words(live)["unseen"].size == pytest.approx(10 / 300)


def test_what_is_sure_but_small_does_not_alarm() -> None:
    live = RANDOM.normal(loc=0.05, size=500_000)
    trained = RANDOM.normal(size=500_000)
    cells = NumberCells.of(trained)
    day = {"x": cells.count(live)}
    assert compare(cells, cells.count(trained), day["x"])[1].p_value < 1e-9
    assert look({"x": cells}, {"x": cells.count(trained)}, [day], per_year=0.1) == []


def test_too_few_rows_say_nothing_in_a_day_and_something_in_a_week() -> None:
    few = NUMBERS.count(RANDOM.normal(loc=3.0, size=FEWEST_ROWS - 1))
    columns, trained = {"x": NUMBERS}, {"x": NUMBERS.count(TRAINED)}
    assert look(columns, trained, [{"x": few}], per_year=0.1) == []
    alarms = look(columns, trained, [{"x": few}] * WINDOWS[1], per_year=0.1)
    assert {alarm.days for alarm in alarms} == {WINDOWS[1]}


def test_a_day_without_rows_of_a_column_is_no_day_of_it() -> None:
    assert look({"x": NUMBERS}, {"x": NUMBERS.count(TRAINED)}, [{}], per_year=0.1) == []


def test_the_budget_is_spread_over_all_columns_windows_and_looks() -> None:
    budget = Budget(per_year=0.1, columns=20)
    assert budget.level(3) * 365 * len(WINDOWS) * 20 * 3 == pytest.approx(0.1)


def test_p_values_of_what_is_quiet_are_no_smaller_than_they_say() -> None:
    """20,000 comparisons in which nothing changed, of a small training set: at one in a thousand, 20 are expected, and 40 would not be chance."""
    random, shares = np.random.default_rng(11), np.full(20, 0.05)
    few: dict[str, int] = {}
    cells = NumberCells(tuple(range(19)))
    trained, live = (np.c_[random.multinomial(n, shares, size=20_000), np.zeros(20_000, int)] for n in (500, 100))
    for a, b in zip(trained, live, strict=True):
        for change in compare(cells, _counts(a), _counts(b)):
            few[change.sign] = few.get(change.sign, 0) + (change.p_value < 1e-3)
    assert few["shape"] < 40
    assert few["order"] < 40


def _counts(row: np.ndarray) -> Counts:  # type: ignore[type-arg]
    return row.astype(np.int64)


def test_a_quiet_year_is_quiet() -> None:
    alarms, naive, weeks = quiet_year(1)
    assert alarms == 0
    assert naive > weeks / 10


@pytest.mark.parametrize("shift", list(SHIFTS))
def test_each_kind_of_change_is_found(shift: str) -> None:
    assert days_until_alarm(shift, 1) is not None
