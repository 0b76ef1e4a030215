"""Many rows asked of a model, slice by slice: answers beside the rows, and for each row that does not fit, why."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from signet_client import Invalid, Problem, Signet
from signet_client.types import Predictions, Value

SLICE = 500
MOST_PROBLEMS = 1000


@dataclass(frozen=True)
class Answered:
    """What the model says of one row."""

    prediction: Value
    probabilities: dict[str, float] | None = None


@dataclass
class Scored:
    """The answers by row (from 0), the problems of the rows without one, the version that gave them and how long it took.

    `is_whole` is False where so many rows did not fit that the rest was not asked.
    """

    answers: dict[int, Answered] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    version: str | None = None
    seconds: float = 0.0
    is_whole: bool = True


def score(
    signet: Signet,
    rows: Sequence[dict[str, Value]],
    *,
    model: str,
    version: str | None,
    told: Callable[[float], None] = lambda _share: None,
) -> Scored:
    """Ask for all rows by one version, the one that answers first; `told` hears the share that is done.

    A row that breaks the model's contract is left out and listed; any other refusal is raised as the SignetError that it is.
    """
    scored, begun = Scored(version=version), time.perf_counter()
    for start in range(0, len(rows), SLICE):
        _ask(signet, rows, list(range(start, min(start + SLICE, len(rows)))), model, scored)
        told(min(1.0, (start + SLICE) / len(rows)))
        if not scored.is_whole:
            break
    scored.seconds = time.perf_counter() - begun
    return scored


def _ask(signet: Signet, rows: Sequence[dict[str, Value]], numbers: list[int], model: str, scored: Scored) -> None:
    """One slice, asked again without the rows that were refused: each refusal lists only so many."""
    while numbers:
        try:
            answer = signet.predict_many([rows[number] for number in numbers], model=model, version=scored.version)
        except Invalid as error:
            found = [Problem(each.field, each.problem, numbers[each.row or 0]) for each in error.problems]
            if not found:
                raise
            scored.problems += found
            scored.is_whole = len(scored.problems) < MOST_PROBLEMS
            refused = {problem.row for problem in found}
            numbers = [number for number in numbers if number not in refused] if scored.is_whole else []
        else:
            _keep(numbers, answer, scored)
            return


def _keep(numbers: list[int], answer: Predictions, scored: Scored) -> None:
    scored.version = answer["version"]
    shares: Sequence[dict[str, float] | None] = answer.get("probabilities") or [None] * len(numbers)
    for number, value, each in zip(numbers, answer["predictions"], shares, strict=True):
        scored.answers[number] = Answered(value, each)
