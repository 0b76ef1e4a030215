"""Whether a challenger beats the champion: both answers and the truth of each record come in; evidence that may be looked at every day goes out.

Evidence is the capital of somebody who bets on each record that the challenger does better, and who could not gain on average if it did not: a
test martingale. The chance that it ever reaches 1 / rate is at most `rate` (Ville's inequality), however often and long one looks.
Method: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 86 (2024), section 4;
stakes are a fixed mixture, so that nothing has to be tuned and days may be added in any grouping.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Verdict = Literal["undecided", "better", "worse"]

# Shares of the capital that are put on a record; small ones find small differences, large ones large ones soon.
_STAKES: Floats = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])


def brier_advantage(truth: NDArray[np.int64], champion: Floats, challenger: Floats) -> Floats:
    """By how much the challenger's probabilities are nearer to the truth, from -1 to 1, for each record.

    `truth` holds class numbers, (records,); the others probabilities, (records, classes). Half the difference of the Brier scores (Brier, 1950).
    """
    happened = np.eye(champion.shape[1])[truth]
    nearer: Floats = (((champion - happened) ** 2).sum(axis=1) - ((challenger - happened) ** 2).sum(axis=1)) / 2
    return nearer


def error_advantage(truth: Floats, champion: Floats, challenger: Floats) -> Floats:
    """By how much the challenger's number is nearer to the truth, from -1 to 1, for each record: the difference of both errors over their sum."""
    ours, theirs = np.abs(champion - truth), np.abs(challenger - truth)
    both = ours + theirs
    nearer: Floats = np.divide(ours - theirs, both, out=np.zeros_like(both), where=both > 0)
    return nearer


@dataclass(frozen=True)
class Evidence:
    """What all records up to now say; `better` and `worse` are the logarithms of what each stake has made of a capital of 1."""

    records: int = 0
    total: float = 0.0
    better: tuple[float, ...] = field(default=(0.0,) * len(_STAKES))
    worse: tuple[float, ...] = field(default=(0.0,) * len(_STAKES))

    def add(self, advantages: Floats) -> "Evidence":
        """With further records, each counted once, by their advantage from -1 to 1."""
        if len(advantages) and not np.abs(advantages).max() <= 1:
            raise ValueError("an advantage lies between -1 and 1")
        return Evidence(
            self.records + len(advantages),
            self.total + float(advantages.sum()),
            _gains(self.better, advantages),
            _gains(self.worse, -advantages),
        )

    @property
    def mean(self) -> float:
        """The mean advantage of the challenger."""
        return self.total / self.records if self.records else 0.0

    @property
    def for_better(self) -> float:
        """E-value against "it is no better": 20 is as surprising as a chance of 1 in 20, at any moment."""
        return _capital(self.better)

    @property
    def for_worse(self) -> float:
        """E-value against "it is no worse"."""
        return _capital(self.worse)

    def verdict(self, rate: float) -> Verdict:
        """What may be said now; each of "better" and "worse" is ever said wrongly with a chance of at most `rate`."""
        if self.for_better >= 1 / rate:
            return "better"
        return "worse" if self.for_worse >= 1 / rate else "undecided"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        return cls(state["records"], state["total"], tuple(state["better"]), tuple(state["worse"]))


def _gains(logs: tuple[float, ...], advantages: Floats) -> tuple[float, ...]:
    return tuple((np.asarray(logs) + np.log1p(_STAKES[:, None] * advantages).sum(axis=1)).tolist())


def _capital(logs: tuple[float, ...]) -> float:
    """The mean over stakes; bounded, for what is beyond 1e300 is as sure as that."""
    return float(np.exp(np.minimum(np.asarray(logs), 690.0)).mean())
