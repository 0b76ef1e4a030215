"""The recorded probe of a model: rows of its training with the answers that it gave; a loaded model must give them again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from backend.algorithms.contract import Matrix
from backend.algorithms.signature import Feature
from backend.errors import Invalid

PROBE_FILE = "probe.npz"
MOST_ROWS = 512
_MOST_CELLS = 128 * 1024  # 1 MB
# Of the largest answer: eight times what float32 keeps, in which XGBoost computes.
TOLERANCE = 1e-6
_DIFFERS = "The version does not give the answers that were recorded when it was trained, so it is not served."


class Answering(Protocol):
    """An algorithm or a compiled form: rows come in, probabilities or numbers go out."""

    def answers(self, X: Matrix) -> Matrix: ...
    def is_brief(self, rows: int) -> bool: ...


@dataclass(frozen=True)
class Probe:
    """`inputs` (rows, features) and `outputs`, the answers of the form that is served."""

    inputs: Matrix
    outputs: Matrix

    def verify(self, answering: Answering) -> None:
        """Raise Invalid unless all answers are as recorded, but for what another processor may round otherwise."""
        given = answering.answers(self.inputs)
        if given.shape != self.outputs.shape or difference(given, self.outputs) > TOLERANCE:
            raise Invalid(_DIFFERS, cause=f"largest difference {difference(given, self.outputs)}")

    def save(self, folder: Path) -> None:
        np.savez(folder / PROBE_FILE, allow_pickle=False, inputs=self.inputs, outputs=self.outputs)

    @classmethod
    def load(cls, folder: Path) -> Self:
        with np.load(folder / PROBE_FILE, allow_pickle=False) as arrays:
            return cls(arrays["inputs"], arrays["outputs"])


def difference(one: Matrix, other: Matrix) -> float:
    """The largest difference of two answers as a share of the largest answer; infinite where only one is finite."""
    if one.shape != other.shape or not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return float("inf")
    finite = np.isfinite(other)
    apart = np.abs(one[finite] - other[finite]).max(initial=0.0)
    return float(apart / (np.abs(other[finite]).max(initial=0.0) or 1.0))


def choose_rows(X: Matrix, features: Sequence[Feature]) -> Matrix:
    """Rows of a training, spread evenly, and with them rows in which each input is missing and each category comes up."""
    most = max(1, min(MOST_ROWS, _MOST_CELLS // X.shape[1]))
    drawn = X[np.unique(np.linspace(0, len(X) - 1, num=max(1, most // 2)).astype(np.int64))]
    edges = list(islice(_edges(drawn[0], features), most - len(drawn)))
    return np.ascontiguousarray(np.vstack([drawn, *edges]))


def _edges(row: Matrix, features: Sequence[Feature]) -> Iterator[Matrix]:
    """The row without anything, without each of its inputs in turn, and with each category in turn."""
    yield np.full(len(row), np.nan)
    for place in range(len(row)):
        yield _changed(row, place, np.nan)
    for place, feature in enumerate(features):
        for code in range(len(feature.categories) if feature.categorical else 0):
            yield _changed(row, place, code)


def _changed(row: Matrix, place: int, value: float) -> Matrix:
    other = row.copy()
    other[place] = value
    return other
