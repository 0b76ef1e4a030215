"""Columns that give the target away: a matrix column comes in; whether it repeats or all but repeats the target goes out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from backend.algorithms.contract import Matrix, Vector
from backend.algorithms.signature import Column, Feature, Task

_SAMPLE = 4000
_MOST_FEATURES = 300
_LEAVES = 64

Values = NDArray[np.float64]


def repeats_target(X: Matrix, y: Vector, features: Sequence[Feature], task: Task) -> tuple[str, ...]:
    """Names of the columns that say the same as the target in every row."""
    repeats = _same_line if task == "regression" else _same_groups
    found = (f.column or f.name for i, f in enumerate(features) if repeats(X[:, i], y))
    return tuple(dict.fromkeys(found))


def nearly_predicts(
    X: Matrix, y: Vector, columns: Sequence[Column], features: Sequence[Feature], task: Task
) -> tuple[str, ...]:
    """Warnings about columns that by themselves all but settle the target on rows they were not fitted to."""
    rows = np.random.default_rng(0).permutation(len(y))[:_SAMPLE]
    half = len(rows) // 2
    fit, check = rows[:half], rows[half:]
    score, enough = (_r2, 0.999) if task == "regression" else (_balanced_accuracy, 0.99)
    found: dict[str, float] = {}
    for i, feature in enumerate(features[:_MOST_FEATURES]):
        tree = _tree(task).fit(X[fit, i : i + 1], y[fit])
        reached = score(y[check], tree.predict(X[check, i : i + 1]))
        if reached >= enough:
            found[feature.column or feature.name] = reached
    return tuple(
        f"Column '{name}' alone all but settles the target. If it is only known after the fact, train again without it."
        for name in found
        if len(columns) > 1
    )


def _tree(task: Task) -> DecisionTreeRegressor | DecisionTreeClassifier:
    kind = DecisionTreeRegressor if task == "regression" else DecisionTreeClassifier
    return kind(max_leaf_nodes=_LEAVES, random_state=0)


def _same_groups(x: Values, y: Vector) -> bool:
    """Whether values and classes are the same groups of rows under other names."""
    known = ~np.isnan(x)
    if np.count_nonzero(known) < len(y) / 2:
        return False
    values, codes = np.unique(x[known], return_inverse=True)
    classes = np.unique(y[known])
    if len(values) != len(classes) or len(classes) < 2:
        return False
    return len(np.unique(codes * (int(classes[-1]) + 1) + y[known])) == len(classes)


def _same_line(x: Values, y: Vector) -> bool:
    """Whether values are the target, but for a factor and an offset."""
    known = ~np.isnan(x)
    if np.count_nonzero(known) < len(y) / 2 or np.ptp(x[known]) == 0 or np.ptp(y[known]) == 0:
        return False
    return bool(abs(np.corrcoef(x[known], y[known])[0, 1]) > 1 - 1e-9)


def _balanced_accuracy(truth: Vector, predicted: Vector) -> float:
    return float(np.mean([np.mean(predicted[truth == label] == label) for label in np.unique(truth)]))


def _r2(truth: Vector, predicted: Vector) -> float:
    spread = float(np.sum((truth - np.mean(truth)) ** 2))
    return 1 - float(np.sum((truth - predicted) ** 2)) / spread if spread else 0.0
