"""How a column's values are counted for a comparison: values come in, counts by cell go out; counts of days add up to counts of weeks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

# Twentieths of the training rows: finer cells tell more of a shape, and leave too few rows in each to be sure of anything.
MOST_BINS = 20
# A category that training met less often says nothing by its absence; such ones are counted together with those never met.
FEWEST_OF_A_CATEGORY = 5
MOST_CATEGORIES = 50


@dataclass(frozen=True)
class NumberCells:
    """Cells of a column of numbers: between `edges` (inner, ascending, closed on the right), then one for missing values."""

    edges: tuple[float, ...]

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Cells that training rows, NaN where missing, fill about evenly."""
        present = values[~np.isnan(values)]
        if not len(present):
            return cls(())
        last_of_each = (np.arange(1, MOST_BINS) * len(present) + MOST_BINS - 1) // MOST_BINS - 1
        inner = np.unique(np.sort(present)[last_of_each])
        return cls(tuple(inner[inner < present.max()].tolist()))

    def count(self, values: Floats) -> Counts:
        """Rows in each cell; the last cell holds the missing."""
        missing = np.isnan(values)
        cells = np.searchsorted(np.asarray(self.edges), values[~missing], side="left")
        return np.append(np.bincount(cells, minlength=len(self.edges) + 1), missing.sum()).astype(np.int64)


@dataclass(frozen=True)
class CategoryCells:
    """Cells of a column of categories: one for each of `categories`, one for rare and never met ones, one for missing values."""

    categories: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Self:
        """Cells for the categories that training rows met often enough, the most frequent first."""
        names, counts = np.unique(
            np.array([value for value in values if value is not None], dtype=str), return_counts=True
        )
        order = np.argsort(-counts, kind="stable")
        often = [str(names[i]) for i in order[:MOST_CATEGORIES] if counts[i] >= FEWEST_OF_A_CATEGORY]
        return cls(tuple(often))

    def count(self, values: Sequence[str | None]) -> Counts:
        """Rows in each cell; the last but one holds the rare and the unseen, the last the missing."""
        places = {category: place for place, category in enumerate(self.categories)}
        rare = len(places)
        cells = [rare + 1 if value is None else places.get(value, rare) for value in values]
        return np.bincount(np.array(cells, dtype=np.int64), minlength=rare + 2).astype(np.int64)
