"""Logistic and ridge regression: plain, quick, and easy to explain."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from backend.algorithms.contract import Algorithm, Hyperparameters, Matrix, Validation, Vector, Watch, unwatched
from backend.algorithms.scaling import Scaling
from backend.algorithms.signature import Feature, Task
from backend.errors import TrainingImpossible

_BRIEF = 30_000  # products of a weight that take a fraction of a millisecond, with all that goes before


class LinearHyperparameters(Hyperparameters):
    """What a linear model lets one choose."""

    penalty: float = Field(1.0, gt=0, le=1e9, title="Strength of the L2 penalty")
    """Larger keeps the weights smaller: steadier, and less able to follow the data."""
    max_iter: int = Field(1000, ge=1, le=100_000, title="Most iterations")
    max_categories: int = Field(32, ge=2, le=1000, title="Most categories a column")
    """Of a column with more categories, only the most frequent get a weight of their own."""


class LinearModel(Algorithm):
    """A weighted sum of standardised numbers and one-hot categories."""

    name: ClassVar[str] = "linear"
    title: ClassVar[str] = "Logistic or ridge regression"
    tasks: ClassVar[frozenset[Task]] = frozenset({"binary", "multiclass", "regression"})
    hyperparameters_type: ClassVar[type[Hyperparameters]] = LinearHyperparameters
    hyperparameters: LinearHyperparameters
    _scaling: Scaling
    _weights: Matrix  # (outputs, inputs); one output for binary and regression
    _intercepts: Matrix

    def fit(
        self,
        X: Matrix,
        y: Vector,
        *,
        features: Sequence[Feature],
        n_classes: int,
        validation: Validation | None = None,
        watch: Watch = unwatched,
    ) -> Self:
        """Solve at once on all rows: a linear model has no round at which to stop."""
        if validation is not None:
            X, y = np.concatenate([X, validation[0]]), np.concatenate([y, validation[1]])
        watch(0.0, {})
        self._scaling = Scaling.fit(X, features, self.hyperparameters.max_categories)
        inputs = self._scaling.transform(X)
        watch(0.2, {})
        if self.task == "regression":
            self._fit_ridge(inputs, y)
        else:
            self._fit_logistic(inputs, y, n_classes)
        watch(1.0, {})
        return self

    def predict(self, X: Matrix) -> Vector:
        if self.task == "regression":
            return self._scores(X)[:, 0]
        codes: Vector = self.predict_proba(X).argmax(axis=1)
        return codes

    def predict_proba(self, X: Matrix) -> Matrix:
        if self.task == "regression":
            return super().predict_proba(X)
        scores = self._scores(X)
        if self.task == "binary":
            scores = np.hstack([np.zeros_like(scores), scores])
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
        return shares

    def is_brief(self, rows: int) -> bool:
        return rows * self._weights.size <= _BRIEF

    def importances(self) -> Matrix | None:
        """Mean absolute weight of the inputs that each matrix column became, as shares."""
        sizes = self._scaling.sums(np.abs(self._weights).mean(axis=0))
        shares: Matrix = sizes / (sizes.sum() or 1.0)
        return shares

    def contributions(self, X: Matrix) -> Matrix | None:
        """Weight times input, summed over the inputs that each matrix column became; the start is the intercept."""
        inputs = self._scaling.transform(X)
        parts = [np.array([self._scaling.sums(row) for row in inputs * weights]) for weights in self._weights]
        starts = [np.full((len(X), 1), intercept) for intercept in self._intercepts]
        scores = [np.hstack(pair) for pair in zip(parts, starts, strict=True)]
        return np.stack(scores, axis=2) if self.task == "multiclass" else scores[0]

    def save(self, folder: Path) -> None:
        arrays = {"weights": self._weights, "intercepts": self._intercepts, **self._scaling.arrays()}
        np.savez(folder / "model.npz", allow_pickle=False, **arrays)
        (folder / "parameters.json").write_text(json.dumps(self.parameters()), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        algorithm = cls(**json.loads((folder / "parameters.json").read_text("utf-8")))
        with np.load(folder / "model.npz", allow_pickle=False) as arrays:
            algorithm._weights, algorithm._intercepts = arrays["weights"], arrays["intercepts"]
            algorithm._scaling = Scaling.from_arrays(arrays)
        return algorithm

    def _scores(self, X: Matrix) -> Matrix:
        inputs = self._scaling.transform(X)
        # A matrix product may round differently for one row and for many; a sum along each row does not.
        return np.column_stack([(inputs * weights).sum(axis=1) for weights in self._weights]) + self._intercepts

    def _fit_ridge(self, inputs: Matrix, y: Vector) -> None:
        mean, spread = float(y.mean()), float(y.std()) or 1.0
        model = Ridge(alpha=self.hyperparameters.penalty).fit(inputs, (y - mean) / spread)
        self._weights = model.coef_.reshape(1, -1) * spread
        self._intercepts = np.array([float(model.intercept_) * spread + mean])

    def _fit_logistic(self, inputs: Matrix, y: Vector, n_classes: int) -> None:
        if len(np.unique(y)) < n_classes:
            raise TrainingImpossible("Some classes have no row to learn from; each needs at least one.")
        choices = self.hyperparameters
        model = LogisticRegression(C=1.0 / choices.penalty, max_iter=choices.max_iter, random_state=self.seed)
        with warnings.catch_warnings():
            # Stopping at `max_iter` is what was asked for; the evaluation says what the weights are worth.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(inputs, y)
        self._weights = np.asarray(model.coef_, dtype=np.float64)
        self._intercepts = np.asarray(model.intercept_, dtype=np.float64)
