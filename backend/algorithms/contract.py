"""The contract of a learning algorithm: hyperparameters in the constructor, data only in `fit`, files without pickle."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from backend.algorithms.signature import Feature, Task
from backend.errors import FieldProblem, Invalid, InvalidFields

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64] | NDArray[np.int64]
Validation = tuple[Matrix, Vector]
Watch = Callable[[float, Mapping[str, float]], None]

SEEDS = 2**31  # XGBoost's own bound


class Hyperparameters(BaseModel):
    """What a person may choose before training; a subclass gives each a type, default, title and bounds."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def unwatched(progress: float, metrics: Mapping[str, float]) -> None:
    """The watch of a fit that nobody looks at."""


class FormUnavailable(Exception):
    """A compiled form that this machine cannot run; the original can."""


class Form(ABC):
    """A fitted model turned into what predicts fastest: the same answers, and nothing to learn with."""

    name: ClassVar[str]

    @abstractmethod
    def answers(self, X: Matrix) -> Matrix:
        """Probabilities (rows, n_classes) or numbers (rows,) in float64; a row's are the same bits alone and among others."""

    def row_answers(self, row: Sequence[float]) -> Sequence[float] | None:
        """The answers of one row, the same bits as `answers` gives; None where that is to be asked."""
        return None

    def is_brief(self, rows: int) -> bool:
        """Whether so many rows surely take well under a millisecond; as in `Algorithm`."""
        return False

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what `load` needs into an existing folder; no pickle."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """The form that `save` wrote; Invalid where its files could not be computed with safely."""


class Algorithm(ABC):
    """One way to learn; an instance is one model, before or after `fit`.

    `name` is how people and jobs choose it, `title` what a page shows, `tasks` what it can learn, `hyperparameters_type`
    what may be chosen, `forms` what `compiled` may give. One that has hyperparameters of its own narrows `hyperparameters: ItsType` in its body.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    tasks: ClassVar[frozenset[Task]]
    hyperparameters_type: ClassVar[type[Hyperparameters]] = Hyperparameters
    forms: ClassVar[tuple[type[Form], ...]] = ()

    def __init__(self, *, task: Task, seed: int = 0, threads: int = 1, **hyperparameters: Any) -> None:
        """Keep the choices; InvalidFields names the seed or each hyperparameter that is unknown or out of bounds."""
        if task not in self.tasks:
            raise Invalid(f"The algorithm '{self.name}' does not do {task}; it does {', '.join(sorted(self.tasks))}.")
        if not 0 <= seed < SEEDS:
            raise InvalidFields([FieldProblem("seed", f"is not between 0 and {SEEDS - 1}")])
        self.task = task
        self.seed = seed
        self.threads = threads
        self.hyperparameters: Hyperparameters = self._checked(hyperparameters)

    @classmethod
    def hyperparameters_schema(cls) -> dict[str, Any]:
        """JSON Schema of the hyperparameters, with titles, bounds and defaults."""
        return cls.hyperparameters_type.model_json_schema()

    def parameters(self) -> dict[str, Any]:
        """What the constructor needs to make this again, as plain JSON; threads belong to the machine and are left out."""
        return {"task": self.task, "seed": self.seed, **self.hyperparameters.model_dump(mode="json")}

    @abstractmethod
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
        """Learn from rows, and return self.

        X is float64 (rows, features): NaN is missing, a category is its code 0..k-1. y is class codes 0..n_classes-1, each at
        least once (int64), or numbers (float64; n_classes is 0). `validation` holds rows kept back to decide when to stop; the algorithm may
        learn from them too, since a model is judged on rows that it is never given. Call `watch(progress 0..1, metrics)` now
        and then and let through what it raises: that is how a job is cancelled. X and y are not to be changed.
        """

    @abstractmethod
    def predict(self, X: Matrix) -> Vector:
        """Class codes (int64; the most probable of each row) or numbers (float64) of one row or more; called from many threads."""

    def predict_proba(self, X: Matrix) -> Matrix:
        """Probabilities (rows, n_classes) that sum to 1 in each row; classification only."""
        raise Invalid(f"A {self.task} model has no probabilities.")

    def answers(self, X: Matrix) -> Matrix:
        """All that is told of each row: probabilities (rows, n_classes), or numbers (rows,) for a regression."""
        return self.predict(X).astype(np.float64, copy=False) if self.task == "regression" else self.predict_proba(X)

    def is_brief(self, rows: int) -> bool:
        """Whether `answers` for so many rows surely takes well under a millisecond and waits for nothing.

        The loop that watches all connections then answers by itself, and everybody else waits meanwhile; otherwise a thread does, which costs a
        tenth of a millisecond.
        """
        return False

    def compiled(self) -> Form | None:
        """The fitted model in a quicker form, of a class that `forms` names; None where there is none.

        It is tried on rows of the training, and kept beside the model only where it answers alike and faster.
        """
        return None

    def importances(self) -> Matrix | None:
        """How much each matrix column counts (one value >= 0 a feature), or None where the algorithm cannot say."""
        return None

    def contributions(self, X: Matrix) -> Matrix | None:
        """How much each matrix column adds to the raw score of each row, and what it starts from: (rows, features + 1), the start last.

        For several classes (rows, features + 1, n_classes). Summed over its second axis it is the number that a regression predicts,
        the log-odds of class 1, or scores whose softmax is the probabilities. None where the algorithm cannot say.
        """
        return None

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what `load` needs into an existing folder; no pickle, and not the names `signet.json` and `signet`."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """The algorithm that `save` wrote; its predictions are the same to the last bit."""

    def use_threads(self, threads: int) -> None:
        """Predict with at most so many native threads from now on; called once, after `load`."""
        self.threads = threads

    @classmethod
    def _checked(cls, values: Mapping[str, Any]) -> Hyperparameters:
        try:
            return cls.hyperparameters_type(**values)
        except ValidationError as error:
            problems = [FieldProblem(".".join(map(str, e["loc"])), _lower_first(e["msg"])) for e in error.errors()]
            raise InvalidFields(problems) from error


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
