"""Gradient boosted trees by XGBoost: the default algorithm."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import xgboost as xgb
from pydantic import Field
from xgboost.callback import TrainingCallback

from backend.algorithms.contract import (
    Algorithm,
    Form,
    Hyperparameters,
    Matrix,
    Validation,
    Vector,
    Watch,
    unwatched,
)
from backend.algorithms.flattening import flatten
from backend.algorithms.forest import Forest
from backend.algorithms.signature import Feature, Task
from backend.errors import TrainingImpossible

# With fewer rows than this the rows kept back are worth a second fit; beyond it they teach next to nothing.
LEARN_FROM_VALIDATION_BELOW = 250_000
ROUNDS_WITHOUT_VALIDATION = 100
_LARGEST = float(np.finfo(np.float32).max)
_OBJECTIVES: Mapping[Task, tuple[str, str]] = {
    "binary": ("binary:logistic", "logloss"),
    "multiclass": ("multi:softprob", "mlogloss"),
    "regression": ("reg:squarederror", "rmse"),
}


class BoostingHyperparameters(Hyperparameters):
    """XGBoost's own names; defaults chosen so that most data needs no change."""

    n_estimators: int = Field(2000, ge=1, le=100_000, title="Most rounds")
    """Rounds of boosting at most; the validation rows usually stop it much earlier."""
    learning_rate: float = Field(0.1, gt=0, le=1, title="Learning rate")
    """How much each round may correct; smaller is slower and often a little better."""
    max_depth: int = Field(6, ge=1, le=30, title="Depth of a tree")
    min_child_weight: float = Field(1.0, ge=0, title="Least weight of a leaf")
    subsample: float = Field(0.8, gt=0, le=1, title="Share of rows a round")
    colsample_bytree: float = Field(0.8, gt=0, le=1, title="Share of columns a tree")
    reg_lambda: float = Field(1.0, ge=0, title="L2 regularisation")
    reg_alpha: float = Field(0.0, ge=0, title="L1 regularisation")
    gamma: float = Field(0.0, ge=0, title="Least gain of a split")
    max_bin: int = Field(256, ge=2, le=65_536, title="Bins a column")
    early_stopping_rounds: int = Field(50, ge=1, title="Patience")
    """Rounds without a better validation score after which it stops."""


class GradientBoosting(Algorithm):
    """Boosted trees: numbers, categories and missing values as they are, good without tuning."""

    name: ClassVar[str] = "xgboost"
    title: ClassVar[str] = "Gradient boosted trees (XGBoost)"
    tasks: ClassVar[frozenset[Task]] = frozenset({"binary", "multiclass", "regression"})
    hyperparameters_type: ClassVar[type[Hyperparameters]] = BoostingHyperparameters
    forms: ClassVar[tuple[type[Form], ...]] = (Forest,)
    hyperparameters: BoostingHyperparameters
    _booster: xgb.Booster

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
        """Boost until the validation score no longer improves, then once more as many rounds on all rows."""
        types = ["c" if feature.categorical else "q" for feature in features]
        params = self._params(n_classes)
        if validation is None:
            rounds = min(self.hyperparameters.n_estimators, ROUNDS_WITHOUT_VALIDATION)
            self._booster = self._boost(params, self._data(X, y, types), rounds, _Report(watch, 0.0, rounds))
            return self
        self._booster = self._boost_until_best(params, self._data(X, y, types), validation, watch)
        if len(X) + len(validation[0]) < LEARN_FROM_VALIDATION_BELOW:
            rounds = self._booster.num_boosted_rounds()
            both = self._data(np.concatenate([X, validation[0]]), np.concatenate([y, validation[1]]), types)
            self._booster = self._boost(params, both, rounds, _Report(watch, 0.5, 2 * rounds))
        return self

    def predict(self, X: Matrix) -> Vector:
        if self.task == "regression":
            return self._raw(X)
        codes: Vector = self.predict_proba(X).argmax(axis=1)
        return codes

    def predict_proba(self, X: Matrix) -> Matrix:
        if self.task == "regression":
            return super().predict_proba(X)
        raw = self._raw(X)
        if self.task == "binary":
            return np.column_stack([1.0 - raw, raw])
        # Float32 leaves sums that are off by 1e-7, which a strict reader would refuse.
        shares: Matrix = raw / raw.sum(axis=1, keepdims=True)
        return shares

    def compiled(self) -> Form | None:
        return flatten(self._booster, self.task)

    def importances(self) -> Matrix | None:
        """The share of the total gain that splits on each matrix column brought."""
        gains: Mapping[str, Any] = self._booster.get_score(importance_type="total_gain")
        values = np.array([float(gains.get(f"f{i}", 0.0)) for i in range(self._booster.num_features())])
        return values / (values.sum() or 1.0)

    def contributions(self, X: Matrix) -> Matrix | None:
        """SHAP values of the trees, exact (Lundberg and others, 2018, "Consistent Individualized Feature Attribution")."""
        data = xgb.DMatrix(
            np.clip(X, -_LARGEST, _LARGEST), feature_types=self._booster.feature_types, nthread=self.threads
        )
        given = np.asarray(self._booster.predict(data, pred_contribs=True), dtype=np.float64)
        return np.moveaxis(given, 1, 2) if self.task == "multiclass" else given

    def save(self, folder: Path) -> None:
        self._booster.save_model(folder / "model.ubj")
        (folder / "parameters.json").write_text(json.dumps(self.parameters()), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        algorithm = cls(**json.loads((folder / "parameters.json").read_text("utf-8")))
        algorithm._booster = xgb.Booster({"nthread": algorithm.threads})
        algorithm._booster.load_model(folder / "model.ubj")
        return algorithm

    def use_threads(self, threads: int) -> None:
        super().use_threads(threads)
        self._booster.set_param({"nthread": threads})

    def _raw(self, X: Matrix) -> Matrix:
        return np.asarray(self._booster.inplace_predict(X), dtype=np.float64)

    def _params(self, n_classes: int) -> dict[str, Any]:
        objective, metric = _OBJECTIVES[self.task]
        ours = {"n_estimators", "early_stopping_rounds"}
        return {
            **self.hyperparameters.model_dump(exclude=ours),
            "objective": objective,
            "eval_metric": metric,
            "tree_method": "hist",
            "nthread": self.threads,
            "seed": self.seed,
            "verbosity": 0,
            **({"num_class": n_classes} if self.task == "multiclass" else {}),
        }

    def _data(
        self, X: Matrix, y: Vector, types: list[str], reference: xgb.DMatrix | None = None
    ) -> xgb.QuantileDMatrix:
        if self.task == "regression" and np.abs(y).max(initial=0.0) > _LARGEST:
            raise TrainingImpossible(f"The target holds numbers beyond {_LARGEST:.1e}, which XGBoost cannot learn.")
        return xgb.QuantileDMatrix(
            np.clip(X, -_LARGEST, _LARGEST),  # XGBoost computes in float32, where a larger number is infinity
            y,
            feature_types=types,
            ref=reference,
            max_bin=self.hyperparameters.max_bin,
            nthread=self.threads,
        )

    def _boost(self, params: dict[str, Any], data: xgb.DMatrix, rounds: int, report: "_Report") -> xgb.Booster:
        return xgb.train(params, data, rounds, verbose_eval=False, callbacks=[report])

    def _boost_until_best(
        self, params: dict[str, Any], data: xgb.DMatrix, validation: Validation, watch: Watch
    ) -> xgb.Booster:
        choices = self.hyperparameters
        types = list(data.feature_types or [])
        booster = xgb.train(
            params,
            data,
            choices.n_estimators,
            evals=[(self._data(*validation, types, data), "validation")],
            early_stopping_rounds=choices.early_stopping_rounds,
            verbose_eval=False,
            callbacks=[_Report(watch, 0.0, 2 * choices.n_estimators)],
        )
        # Cut to the best round: every way to predict then gives the same, with no round number to pass along.
        return booster[: booster.best_iteration + 1]


class _Report(TrainingCallback):
    """Tells the watch how far boosting is, and lets through what the watch raises."""

    def __init__(self, watch: Watch, start: float, rounds: int) -> None:
        super().__init__()
        self._watch = watch
        self._start = start
        self._rounds = rounds

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Sequence[Any]]]) -> bool:
        latest = {metric: float(values[-1]) for metric, values in evals_log.get("validation", {}).items()}
        self._watch(min(1.0, self._start + (epoch + 1) / self._rounds), latest)
        return False
