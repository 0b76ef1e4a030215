"""Why a prediction is what it is: encoded rows and their answers come in, what each column added to each answer goes out."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.algorithms.contract import Algorithm, Matrix
from backend.algorithms.signature import Signature
from backend.errors import Conflict, DigestMismatch, NotReady


@dataclass(frozen=True)
class Explanation:
    """`start` plus the `contributions` by column is the raw score of what is predicted."""

    contributions: dict[str, float]
    start: float

    @property
    def score(self) -> float:
        """The number that is predicted, the log-odds of a class against the other, or its score before the softmax."""
        return self.start + sum(self.contributions.values())


class Explainer:
    """Asks the algorithm that was trained, which a compiled form stands for; it is loaded at the first question and then kept."""

    def __init__(self, signature: Signature, load: Callable[[], Algorithm]) -> None:
        self._columns = [feature.column or feature.name for feature in signature.features()]
        self._names = [column.name for column in signature.columns]
        self._task, self._algorithm = signature.task, signature.algorithm
        self._load = load
        self._loading = threading.Lock()
        self._original: Algorithm | None = None

    def explain(self, matrix: Matrix, codes: NDArray[np.int64] | None) -> list[Explanation]:
        """One explanation a row, of the class whose code is predicted; `codes` is None for numbers.

        Raises Conflict where the algorithm cannot say, NotReady where its files are gone from here.
        """
        given = self._get_original().contributions(matrix)
        if given is None:
            raise Conflict(f"The algorithm '{self._algorithm}' does not tell what each column contributes.")
        return [self._explanation(row) for row in self._of_predicted(given, codes)]

    def _of_predicted(self, given: Matrix, codes: NDArray[np.int64] | None) -> Matrix:
        """(rows, features + 1): of several classes those of the predicted one, of two against the other."""
        if codes is None:
            return given
        if self._task == "binary":
            return given * np.where(codes == 1, 1.0, -1.0)[:, None]
        chosen: Matrix = given[np.arange(len(codes)), :, codes]
        return chosen

    def _explanation(self, row: Matrix) -> Explanation:
        *parts, start = row.tolist()
        sums = dict.fromkeys(self._names, 0.0)
        for name, part in zip(self._columns, parts, strict=True):
            sums[name] += part
        return Explanation(sums, start)

    def _get_original(self) -> Algorithm:
        with self._loading:
            if self._original is None:
                try:
                    self._original = self._load()
                except DigestMismatch as error:
                    gone = "The files of this version are not here at the moment, so it cannot explain itself."
                    raise NotReady(gone, cause=error.cause) from error
            return self._original
