"""Values are counted by cell: even for numbers, by name for categories, and none is lost."""

import numpy as np
import pytest

from backend.monitoring.cells import MOST_BINS, CategoryCells, NumberCells


def test_training_rows_fill_the_cells_of_numbers_evenly() -> None:
    values = np.random.default_rng(1).normal(size=1000)
    counts = NumberCells.of(values).count(values)
    assert len(counts) == MOST_BINS + 1
    assert counts.tolist() == [50] * 20 + [0]


def test_missing_numbers_have_a_cell_of_their_own() -> None:
    values = np.array([1.0, np.nan, 2.0, 3.0, np.nan])
    assert NumberCells.of(values).count(values)[-1] == 2


def test_few_different_numbers_have_a_cell_each() -> None:
    cells = NumberCells.of(np.array([0.0, 1.0, 1.0, 2.0]))
    assert cells.edges == (0.0, 1.0)
    assert cells.count(np.array([0.0, 1.0, 2.0, 2.0, 9.0, -9.0])).tolist() == [2, 1, 3, 0]


def test_infinite_numbers_are_counted_at_the_ends() -> None:
    cells = NumberCells.of(np.array([0.0, 1.0, 2.0]))
    assert cells.count(np.array([np.inf, -np.inf])).tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]], ids=["none", "all missing"])
def test_a_column_without_numbers_has_one_cell_for_those_that_come(values: list[float]) -> None:
    cells = NumberCells.of(np.array(values, dtype=float))
    assert cells.count(np.array([1.0, np.nan])).tolist() == [1, 1]


def test_rare_categories_are_counted_with_those_never_met() -> None:
    cells = CategoryCells.of(["a"] * 9 + ["b"] * 5 + ["rare"] * 4 + [None])
    assert cells.categories == ("a", "b")
    assert cells.count(["a", "b", "rare", "never", None, None]).tolist() == [1, 1, 2, 2]


def test_counts_of_days_add_up() -> None:
    random = np.random.default_rng(2)
    cells = NumberCells.of(random.normal(size=500))
    days = [random.normal(size=100) for _ in range(3)]
    assert np.array_equal(sum(cells.count(day) for day in days), cells.count(np.concatenate(days)))
