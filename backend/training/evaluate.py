"""How good a model is on rows it never saw: truth and predictions come in; the field's metrics go out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from backend.algorithms.contract import Algorithm, Matrix, Vector
from backend.algorithms.signature import Label, Task

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """Hold-out rows with what the model says of them; `probabilities` is (rows, classes), absent in regression."""

    task: Task
    classes: tuple[Label, ...]
    truth: Vector
    predicted: Vector
    probabilities: Floats | None

    def one_hot(self) -> Floats:
        """The truth as (rows, classes) of 0 and 1."""
        return np.eye(len(self.classes))[self.truth.astype(np.int64)]


def judge(algorithm: Algorithm, X: Matrix, y: Vector, classes: tuple[Label, ...]) -> Judged:
    """What a fitted algorithm says of hold-out rows."""
    probabilities = algorithm.predict_proba(X) if classes else None
    return Judged(algorithm.task, classes, y, algorithm.predict(X), probabilities)


def evaluate(judged: Judged) -> dict[str, float]:
    """Metrics by the field's names; one that the hold-out rows cannot give (a class that is absent) is left out.

    In multiclass the AUCs are means over one class against the rest, and F1 is the mean over classes (macro). Brier is the mean
    over rows of the squared error of the positive class's probability, in multiclass summed over the classes.
    """
    measures = _REGRESSION if judged.task == "regression" else _CLASSIFICATION
    values = {name: float(measure(judged)) for name, measure in measures.items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def _proba(judged: Judged) -> Floats:
    if judged.probabilities is None:
        raise TypeError("a classifier gives probabilities")
    return judged.probabilities


def _mean_over_classes(judged: Judged, score: Callable[[Floats, Floats], float]) -> float:
    """The positive class's score, or the mean over the classes that have rows both in and outside of them."""
    truth, probabilities = judged.one_hot(), _proba(judged)
    labels = range(1, 2) if judged.task == "binary" else range(len(judged.classes))
    scores = [score(truth[:, i], probabilities[:, i]) for i in labels if 0 < truth[:, i].sum() < len(truth)]
    return float(np.mean(scores)) if scores else float("nan")


def _f1(judged: Judged) -> float:
    if judged.task == "binary":
        return float(metrics.f1_score(judged.truth, judged.predicted, zero_division=0))
    return float(metrics.f1_score(judged.truth, judged.predicted, average="macro", zero_division=0))


def _balanced_accuracy(judged: Judged) -> float:
    """The mean over classes of the share of their rows that was recognised."""
    return float(
        np.mean([np.mean(judged.predicted[judged.truth == label] == label) for label in np.unique(judged.truth)])
    )


def _brier(judged: Judged) -> float:
    wrong = (_proba(judged) - judged.one_hot()) ** 2
    return float(np.mean(wrong[:, 1] if judged.task == "binary" else wrong.sum(axis=1)))


def _log_loss(judged: Judged) -> float:
    return float(metrics.log_loss(judged.truth, _proba(judged), labels=range(len(judged.classes))))


def _r2(judged: Judged) -> float:
    """The share of the target's variance that is explained; none where it does not vary."""
    spread = float(np.sum((judged.truth - np.mean(judged.truth)) ** 2))
    return 1 - float(np.sum((judged.truth - judged.predicted) ** 2)) / spread if spread else float("nan")


_CLASSIFICATION: Mapping[str, Callable[[Judged], float]] = {
    "roc_auc": lambda j: _mean_over_classes(j, metrics.roc_auc_score),
    "pr_auc": lambda j: _mean_over_classes(j, metrics.average_precision_score),
    "log_loss": _log_loss,
    "accuracy": lambda j: metrics.accuracy_score(j.truth, j.predicted),
    "f1": _f1,
    "balanced_accuracy": _balanced_accuracy,
    "brier": _brier,
}
_REGRESSION: Mapping[str, Callable[[Judged], float]] = {
    "rmse": lambda j: metrics.root_mean_squared_error(j.truth, j.predicted),
    "mae": lambda j: metrics.mean_absolute_error(j.truth, j.predicted),
    "r2": _r2,
    "median_ae": lambda j: metrics.median_absolute_error(j.truth, j.predicted),
}
