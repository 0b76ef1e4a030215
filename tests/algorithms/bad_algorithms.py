"""Algorithms that each break one promise of the contract, and the check that must notice it."""

import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import ConfigDict

from backend.algorithms.contract import Algorithm, Form, Hyperparameters, Matrix, Vector, unwatched
from backend.algorithms.linear import LinearHyperparameters, LinearModel


class BadName(LinearModel):
    name = "Not A Name"


class NoTasks(LinearModel):
    tasks = frozenset()


class WithoutDefault(Hyperparameters):
    strength: float


class SchemaWithoutDefault(LinearModel):
    hyperparameters_type = WithoutDefault


class Lenient(LinearHyperparameters):
    model_config = ConfigDict(extra="ignore")


class TakesAnything(LinearModel):
    hyperparameters_type = Lenient


class ForgetsSeed(LinearModel):
    def parameters(self) -> dict[str, Any]:
        return {**super().parameters(), "seed": 0}


class OtherDefaults(LinearModel):
    @classmethod
    def hyperparameters_schema(cls) -> dict[str, Any]:
        schema = super().hyperparameters_schema()
        schema["properties"]["penalty"]["default"] = 2.0
        return schema


class ReturnsNothing(LinearModel):
    def fit(self, X: Matrix, y: Vector, **given: Any) -> Self:
        super().fit(X, y, **given)
        return None  # type: ignore[return-value]


class FloatCodes(LinearModel):
    tasks = frozenset({"binary"})

    def predict(self, X: Matrix) -> Vector:
        return super().predict(X).astype(np.float64)


class Constant(LinearModel):
    def predict(self, X: Matrix) -> Vector:
        return super().predict(X) * 0

    def predict_proba(self, X: Matrix) -> Matrix:
        certain = np.zeros_like(super().predict_proba(X))
        certain[:, 0] = 1.0
        return certain


class SumsToTwo(LinearModel):
    tasks = frozenset({"multiclass"})

    def predict_proba(self, X: Matrix) -> Matrix:
        return np.minimum(super().predict_proba(X) * 2, 1.0)


class SaysOneAndMeansAnother(LinearModel):
    tasks = frozenset({"binary"})

    def predict_proba(self, X: Matrix) -> Matrix:
        return super().predict_proba(X)[:, ::-1]

    def predict(self, X: Matrix) -> Vector:
        return super().predict_proba(X).argmax(axis=1)


class OneImportance(LinearModel):
    def importances(self) -> Matrix:
        return np.ones(1)


class ForgetsTheStart(LinearModel):
    tasks = frozenset({"binary", "regression"})

    def contributions(self, X: Matrix) -> Matrix | None:
        given = super().contributions(X)
        assert given is not None
        given[:, -1] = 0.0
        return given


class OneContribution(LinearModel):
    def contributions(self, X: Matrix) -> Matrix | None:
        return np.ones((len(X), 1))


class Unseeded(LinearModel):
    def fit(self, X: Matrix, y: Vector, **given: Any) -> Self:
        super().fit(X, y, **given)
        self._intercepts = self._intercepts + np.random.default_rng().normal(scale=1e-9, size=self._intercepts.shape)
        return self


class StampsItsFiles(LinearModel):
    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "stamp.txt").write_text(secrets.token_hex(8))


class Pickles(LinearModel):
    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "model.bin").write_bytes(b"\x80\x04N.")


class TakesTheSignature(LinearModel):
    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "signet.json").write_text("{}")


class RoundsOnSave(LinearModel):
    def save(self, folder: Path) -> None:
        weights, self._weights = self._weights, self._weights.astype(np.float32).astype(np.float64)
        super().save(folder)
        self._weights = weights


class FillsGapsInPlace(LinearModel):
    def predict(self, X: Matrix) -> Vector:
        given = super().predict(X)
        X[np.isnan(X)] = 0.0
        return given


class FitChangesTarget(LinearModel):
    def fit(self, X: Matrix, y: Vector, **given: Any) -> Self:
        super().fit(X, y, **given)
        y += 1
        return self


class NeverReports(LinearModel):
    def fit(self, X: Matrix, y: Vector, **given: Any) -> Self:
        return super().fit(X, y, **{**given, "watch": unwatched})


class CannotBeStopped(LinearModel):
    def fit(self, X: Matrix, y: Vector, **given: Any) -> Self:
        watch = given.pop("watch", unwatched)

        def deaf(progress: float, metrics: Mapping[str, float]) -> None:
            try:
                watch(progress, metrics)
            except Exception:
                return

        return super().fit(X, y, **given, watch=deaf)


class ReportsBeyondOne(LinearModel):
    def fit(self, X: Matrix, y: Vector, **given: Any) -> Self:
        given.pop("watch", unwatched)(50.0, {})
        return super().fit(X, y, **given)


class KnowsItsThread(LinearModel):
    def _scores(self, X: Matrix) -> Matrix:
        here = threading.current_thread() is threading.main_thread()
        return super()._scores(X) + (0.0 if here else 0.1 * np.arange(len(self._weights) + 1)[1:])


class LooksAtTheBatch(LinearModel):
    def _scores(self, X: Matrix) -> Matrix:
        scores = super()._scores(X)
        return scores - scores.mean(axis=0)


class RoundedForm(Form):
    """As the original, but for a few digits."""

    name: ClassVar[str] = "rounded"

    def __init__(self, original: Algorithm) -> None:
        self._original = original

    def answers(self, X: Matrix) -> Matrix:
        return self._original.answers(X).round(3)

    def save(self, folder: Path) -> None:
        self._original.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(LinearModel.load(folder))


class CompilesToSomethingElse(LinearModel):
    forms = (RoundedForm,)

    def compiled(self) -> Form | None:
        return RoundedForm(self)


BAD: Mapping[type[Algorithm], set[str]] = {
    BadName: {"declares itself"},
    NoTasks: {"declares itself", "keeps hyperparameters", "refuses what it does not know"},
    TakesAnything: {"refuses what it does not know"},
    ForgetsSeed: {"keeps hyperparameters"},
    OtherDefaults: {"keeps hyperparameters"},
    ReturnsNothing: {"fits and predicts"},
    FloatCodes: {"fits and predicts"},
    Constant: {"learns", "gives contributions"},
    SumsToTwo: {"gives probabilities", "gives contributions"},
    SaysOneAndMeansAnother: {"gives probabilities", "gives contributions"},
    OneImportance: {"gives importances"},
    ForgetsTheStart: {"gives contributions"},
    OneContribution: {"gives contributions"},
    Unseeded: {"is reproducible"},
    StampsItsFiles: {"is reproducible"},
    Pickles: {"saves and loads"},
    TakesTheSignature: {"saves and loads"},
    RoundsOnSave: {"saves and loads"},
    FillsGapsInPlace: {"leaves its input alone"},
    FitChangesTarget: {"leaves its input alone"},
    NeverReports: {"heeds the watch"},
    CannotBeStopped: {"heeds the watch"},
    ReportsBeyondOne: {"heeds the watch"},
    KnowsItsThread: {"predicts from threads"},
    LooksAtTheBatch: {"predicts row by row", "gives contributions"},
    CompilesToSomethingElse: {"compiles alike"},
}
