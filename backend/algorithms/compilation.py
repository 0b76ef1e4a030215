"""The fastest exact form of a fitted model: a model and rows of its training come in; what is served, and why, goes out."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from backend.algorithms.contract import Algorithm, Form, Matrix
from backend.algorithms.probe import TOLERANCE, Answering, Probe, choose_rows, difference
from backend.algorithms.signature import Feature

MANY_ROWS = 1000
_SECONDS = 0.05
_FEWEST_RUNS = 3


@dataclass(frozen=True)
class Choice:
    """What is served and how it was found; without a compiled form, `form` is the algorithm's own name.

    `max_difference` is the largest difference from the original as a share of its largest answer. `speedup` says for 1 row and for
    many how many times faster than the original it was, on one thread of the machine that trained.
    """

    form: str
    reason: str
    probe_rows: int
    max_difference: float | None = None
    speedup: dict[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Compiled:
    """A model as it will be served: its compiled form, or None where the original is; the probe has the answers of that one."""

    form: Form | None
    probe: Probe
    choice: Choice


def compile_model(algorithm: Algorithm, X: Matrix, features: Sequence[Feature]) -> Compiled:
    """Choose by trial on rows `X` of the training, on one thread, as both would be served."""
    algorithm.use_threads(1)
    rows = choose_rows(X, features)
    original = algorithm.answers(rows)
    form, choice = _choose(algorithm, rows, original)
    return Compiled(form, Probe(rows, original if form is None else form.answers(rows)), choice)


def _choose(algorithm: Algorithm, rows: Matrix, original: Matrix) -> tuple[Form | None, Choice]:
    try:
        form = algorithm.compiled()
        if form is None:
            return None, Choice(algorithm.name, "It has no compiled form.", len(rows))
        trial = _try(algorithm, form, rows, original)
    except Exception as error:  # a model that cannot be compiled is served as it is
        return None, Choice(algorithm.name, f"It could not be compiled: {type(error).__name__}.", len(rows))
    reason = _rejection(trial)
    if type(form) not in algorithm.forms:
        reason = "Its compiled form is none that the algorithm names."
    found = Choice(form.name, "It answers alike and is faster.", len(rows), _finite(trial.apart), trial.speedup)
    return (None, replace(found, form=algorithm.name, reason=reason)) if reason else (form, found)


@dataclass(frozen=True)
class _Trial:
    """How a form did: its difference from the original, whether rows are independent of each other, and its speed."""

    apart: float
    is_independent: bool
    speedup: dict[str, float]


def _try(algorithm: Algorithm, form: Form, rows: Matrix, original: Matrix) -> _Trial:
    given = form.answers(rows)
    alone = np.concatenate([form.answers(rows[i : i + 1]) for i in range(len(rows))])
    is_independent = alone.tobytes() == given.tobytes()
    return _Trial(difference(given, original), is_independent, _speedup(algorithm, form, rows))


def _rejection(trial: _Trial) -> str | None:
    if trial.apart > TOLERANCE:
        return "Its compiled form answers otherwise."
    if not trial.is_independent:
        return "Its compiled form answers a row alone otherwise than among others."
    return "Its compiled form is not faster." if trial.speedup["1"] < 1.0 else None


def _speedup(algorithm: Algorithm, form: Form, rows: Matrix) -> dict[str, float]:
    many = np.resize(rows, (MANY_ROWS, rows.shape[1]))
    return {
        str(len(X)): round(_seconds(algorithm, X) / max(_seconds(form, X), 1e-9), 2) for X in (rows[:1].copy(), many)
    }


def _seconds(answering: Answering, X: Matrix) -> float:
    """The quickest of some runs: what else the machine does only ever adds."""
    answering.answers(X)
    ends, times = time.perf_counter() + _SECONDS, list[float]()
    while time.perf_counter() < ends or len(times) < _FEWEST_RUNS:
        begun = time.perf_counter()
        answering.answers(X)
        times.append(time.perf_counter() - begun)
    return min(times)


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None
