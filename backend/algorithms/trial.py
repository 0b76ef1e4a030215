"""Small seeded data and fresh fits, on which the conformance checks try an algorithm."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backend.algorithms.contract import Algorithm, Matrix, Vector, Watch, unwatched
from backend.algorithms.signature import Column, Feature, Task, expand

COLUMNS = (
    Column("size", "number", missing=True),
    Column("count", "integer"),
    Column("flag", "boolean", missing=True),
    Column("colour", "category", ("amber", "blue", "green", "red"), missing=True),
    Column("seen", "datetime"),
    Column("constant", "number"),
)
_CLASSES: Mapping[Task, int] = {"binary": 2, "multiclass": 3, "regression": 0}


@dataclass(frozen=True)
class Sample:
    """Rows to learn from and rows kept back; `X` has missing values, categories and a constant column."""

    X: Matrix
    y: Vector
    validation: tuple[Matrix, Vector]
    features: tuple[Feature, ...]
    n_classes: int

    def copy(self) -> "Sample":
        held = (self.validation[0].copy(), self.validation[1].copy())
        return dataclasses.replace(self, X=self.X.copy(), y=self.y.copy(), validation=held)


def make_sample(task: Task, rows: int = 240, seed: int = 7) -> Sample:
    """Data in which number, category and target plainly hang together, the same on every call."""
    random = np.random.default_rng(seed)
    size, count = random.normal(size=rows), random.integers(0, 9, rows).astype(np.float64)
    flag, colour = random.integers(0, 2, rows).astype(np.float64), random.integers(0, 4, rows).astype(np.float64)
    days = random.integers(0, 2000, rows).astype(np.float64)
    seen = [2020 + days // 366, 1 + days % 12, 1 + days % 28, days % 7, days % 24, 1.6e9 + 86_400 * days]
    signal = 2.0 * size + 0.3 * count + np.array([0.0, 1.5, 3.0, -2.0])[colour.astype(int)]
    noisy = signal + random.normal(scale=0.3, size=rows)
    X = np.column_stack([size, count, flag, colour, *seen, np.ones(rows)])
    for column in (0, 2, 3):
        X[random.random(rows) < 0.1, column] = np.nan
    n_classes = _CLASSES[task]
    y = _ranks(noisy, n_classes) if n_classes else noisy
    kept = rows * 4 // 5
    return Sample(X[:kept], y[:kept], (X[kept:], y[kept:]), expand(COLUMNS), n_classes)


class Trial:
    """One algorithm on the sample of one task; `model` is fitted once and shared by the checks that only predict."""

    def __init__(self, cls: type[Algorithm], task: Task) -> None:
        self.cls = cls
        self.task = task
        self.sample = make_sample(task)

    @cached_property
    def model(self) -> Algorithm:
        return self.fit()

    def fit(self, watch: Watch = unwatched) -> Algorithm:
        """A new instance, fitted on a copy of the sample."""
        data = self.sample.copy()
        model = self.cls(task=self.task, seed=3)
        model.fit(
            data.X,
            data.y,
            features=data.features,
            n_classes=data.n_classes,
            validation=data.validation,
            watch=watch,
        )
        return model

    def answers(self, model: Algorithm, X: Matrix) -> Matrix:
        """Everything that the model says of these rows: numbers, or probabilities."""
        given = model.predict(X.copy()) if self.task == "regression" else model.predict_proba(X.copy())
        return np.asarray(given, dtype=np.float64).reshape(len(X), -1)


def _ranks(values: Matrix, n_classes: int) -> Vector:
    """Class codes by equal shares of the values."""
    edges = np.quantile(values, np.linspace(0, 1, n_classes + 1)[1:-1])
    return np.searchsorted(edges, values).astype(np.int64)
