"""Many numbers at once, under the rules of one: values of JSON or an array come in; float64 goes out where every number fits its column."""

from collections.abc import Sequence
from types import NoneType
from typing import Any

import numpy as np

from backend.algorithms.contract import Matrix
from backend.algorithms.signature import LARGEST_INTEGER, Column

_NUMBERS = frozenset({int, float, NoneType})


class NumberTable:
    """Columns of numbers as a table; `takes` says whether all of them are."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.takes = all(column.kind in {"number", "integer"} for column in columns)
        self._whole = [place for place, column in enumerate(columns) if column.kind == "integer"]
        self._may_miss = np.array([column.missing for column in columns])

    def fits(self, found: Matrix) -> bool:
        """Whether every number (rows, columns) fits its column; then what is missing is made the one NaN, and -0.0 of a whole number 0.0."""
        finite = np.isfinite(found)
        if not finite.all():
            missing = np.isnan(found)
            if not (finite | (missing & self._may_miss)).all():
                return False
            found[missing] = np.nan
        if self._whole:
            if not are_whole(found[:, self._whole]):
                return False
            found[:, self._whole] += 0.0
        return True


def find_numbers(values: Sequence[Any]) -> Matrix | None:
    """Numbers and None of JSON as float64, each exactly itself; None where only a look at each value can tell."""
    kinds = set(map(type, values))
    if not kinds <= _NUMBERS:
        return None
    try:
        found = np.array(values, dtype=np.float64)
    except OverflowError:
        return None
    if int in kinds and (np.abs(found) >= LARGEST_INTEGER).any():
        return None  # perhaps a whole number that float64 has rounded
    return found


def are_whole(found: Matrix) -> bool:
    """Whether all are whole numbers that are kept exactly, or missing."""
    return bool((np.isnan(found) | ((found == np.trunc(found)) & (np.abs(found) <= LARGEST_INTEGER))).all())
