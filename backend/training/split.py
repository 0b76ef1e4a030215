"""Which rows teach, which decide when to stop, and which judge: a target and a seed come in; three sets of rows go out."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.algorithms.contract import Vector

TEST = 0.2
VALIDATION = 0.16
# With fewer rows a validation set is a handful of rows, and stopping by it is chance.
LEAST_FOR_VALIDATION = 50

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Row numbers, ascending; a row is in one set only. `validation` is empty for small data."""

    train: Rows
    validation: Rows
    test: Rows


def split_rows(y: Vector, *, classes: int, seed: int) -> Split:
    """A fifth of the rows to judge by, 16 % to stop by, the rest to learn from; the same for the same seed.

    With `classes` > 0 each class is split in these proportions, and each has a row to learn from and one to judge by.
    """
    random = np.random.default_rng(seed)
    groups = [np.flatnonzero(y == label) for label in range(classes)] if classes else [np.arange(len(y))]
    validation = VALIDATION if len(y) >= LEAST_FOR_VALIDATION else 0.0
    parts = [_cut(random.permutation(group), validation) for group in groups]
    return Split(*(_joined(part) for part in zip(*parts, strict=True)))


def _cut(rows: Rows, validation: float) -> tuple[Rows, Rows, Rows]:
    tests = max(1, round(len(rows) * TEST))
    validations = min(round(len(rows) * validation), len(rows) - tests - 1)
    return rows[tests + validations :], rows[tests : tests + validations], rows[:tests]


def _joined(parts: Iterable[Rows]) -> Rows:
    return np.sort(np.concatenate(list(parts)))
