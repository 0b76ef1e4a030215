"""A version in memory: rows come in, predictions go out, without a database or a network on the way."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backend.algorithms.bundle import read_bundle, read_served
from backend.algorithms.column_encoding import ColumnEncoder, Values
from backend.algorithms.contract import Algorithm, Form, Matrix
from backend.algorithms.encoding import Row, RowEncoder, encode_table
from backend.algorithms.manifest import Manifest
from backend.algorithms.probe import Answering
from backend.algorithms.signature import Label, Signature
from backend.errors import Conflict
from backend.serving.explaining import Explainer, Explanation
from backend.serving.prediction_ids import version_tag


@dataclass(frozen=True)
class Predictions:
    """One value a row: a label in its own JSON type, or a number (None where the model gives none).

    `probabilities` holds one object a row, class name to share; None for a regression.
    """

    values: list[Any]
    probabilities: list[dict[str, float]] | None = None


@dataclass(frozen=True)
class Outputs:
    """Predictions as columns: an array of labels or a list of numbers (NaN where the model gives none), and (rows, classes) of shares."""

    values: list[float] | NDArray[Any]
    shares: NDArray[np.float64] | None

    def json_values(self) -> list[Any]:
        """The values as strict JSON has them: None where the model gives no finite number."""
        values = self.values.tolist() if isinstance(self.values, np.ndarray) else self.values
        return values if self.shares is not None else [_finite(value) for value in values]


class ServedModel:
    """One loaded version; safe to share between threads."""

    def __init__(
        self,
        model: str,
        version: int,
        manifest: Manifest,
        answering: Answering,
        signature: Signature,
        explainer: Explainer | None = None,
    ) -> None:
        self.model = model
        self.version = str(version)
        self.tag = version_tag(model, self.version)  # what ids of its predictions say of it
        self.digest = manifest.digest
        self.size = sum(file.bytes for file in manifest.files)  # bytes on disk, which memory follows
        self.used_at = time.monotonic()
        self.signature = signature
        self._answering = answering
        self._explainer = explainer
        self._encoder = RowEncoder(signature.columns)
        self._column_encoder = ColumnEncoder(signature.columns)
        self._classes = signature.classes
        self._labels = _array_of(signature.classes)
        self.class_names = [class_name(label) for label in signature.classes]
        self.takes_numbers = all(column.kind in {"number", "integer"} for column in signature.columns)

    @classmethod
    def load(cls, model: str, version: int, folder: Path, manifest: Manifest, threads: int = 1) -> Self:
        """Verified, loaded and tried with the example that came with it; raises what is wrong with it."""
        answering, signature, probe = read_served(folder, manifest, threads)
        explainer = Explainer(signature, lambda: _original(answering, folder, manifest, threads))
        served = cls(model, version, manifest, answering, signature, explainer)
        if probe is not None:
            probe.verify(answering)
        # The first call pays for caches and lazy imports, and a version that cannot predict must not replace one that can.
        served.predict([signature.example])
        return served

    def touch(self) -> None:
        """It was asked for just now."""
        self.used_at = time.monotonic()

    def is_brief(self, rows: int) -> bool:
        """Whether the model says that it answers so many rows within a fraction of a millisecond."""
        return self._answering.is_brief(rows)

    def predict(self, rows: Sequence[Row]) -> Predictions:
        """Predictions in the order of the rows, each in the order of the columns or by name; InvalidFields names what is wrong."""
        found = self._predict_quickly(rows[0]) if len(rows) == 1 else None
        return self.as_predictions(self.predict_rows(rows)) if found is None else found

    def as_predictions(self, outputs: Outputs) -> Predictions:
        """The same answer row by row."""
        if outputs.shares is None:
            return Predictions(outputs.json_values())
        names = self.class_names
        return Predictions(
            outputs.json_values(), [dict(zip(names, row, strict=True)) for row in outputs.shares.tolist()]
        )

    def predict_rows(self, rows: Sequence[Row]) -> Outputs:
        """The same answer as columns."""
        return self._answer(self._encoder.encode(rows))

    def predict_columns(self, columns: Mapping[str, Values]) -> Outputs:
        """The same answer for whole columns by name, each a list of JSON's values or an array of numbers or truth values."""
        return self._answer(self._column_encoder.encode(columns))

    def predict_numbers(self, values: NDArray[Any]) -> Outputs:
        """The same answer for numbers (rows, columns) in the order of the columns."""
        return self._answer(self._column_encoder.encode_table(values))

    def predict_table(self, table: pa.Table) -> Outputs:
        """The same answer for an Arrow table with columns of those names."""
        return self._answer(encode_table(self.signature.columns, table))

    def predict_matrix(self, matrix: Matrix) -> Outputs:
        """The same answer for what the encoding of this model's columns made of rows."""
        return self._answer(matrix)

    def explain(self, rows: Sequence[Row]) -> tuple[Predictions, list[Explanation]]:
        """The predictions, and what each column contributed to each; Conflict where the algorithm cannot say."""
        if self._explainer is None:
            raise Conflict("This version cannot explain itself.")
        matrix = self._encoder.encode(rows)
        outputs = self._answer(matrix)
        codes = None if outputs.shares is None else outputs.shares.argmax(axis=1)
        return self.as_predictions(outputs), self._explainer.explain(matrix, codes)

    def _predict_quickly(self, row: Row) -> Predictions | None:
        """The same for one row of numbers, without a matrix, where the form that answers knows how."""
        numbers = self._encoder.find_numbers(row) if isinstance(self._answering, Form) else None
        answers = self._answering.row_answers(numbers) if numbers and isinstance(self._answering, Form) else None
        if answers is None:
            return None
        if not self._classes:
            return Predictions([_finite(answers[0])])
        likeliest = self._classes[answers.index(max(answers))]
        return Predictions([likeliest], [dict(zip(self.class_names, answers, strict=True))])

    def _answer(self, matrix: Matrix) -> Outputs:
        shares = self._answering.answers(matrix)
        if not self._classes:
            return Outputs(shares.tolist(), None)
        # The label is the likeliest class by definition, so that the two never contradict each other.
        return Outputs(self._labels[shares.argmax(axis=1)], shares)


def _original(answering: Answering, folder: Path, manifest: Manifest, threads: int) -> Algorithm:
    """What was trained, which may be what answers already."""
    return answering if isinstance(answering, Algorithm) else read_bundle(folder, manifest, threads)[0]


def _array_of(classes: Sequence[Label]) -> NDArray[Any]:
    """Whole numbers and truth values as what they are, everything else as the objects that they are."""
    found = np.array(classes)
    is_plain = found.dtype.kind in "bi" and len(set(map(type, classes))) == 1
    return found if is_plain else np.array(classes, dtype=object)


def class_name(label: Label) -> str:
    """A class as the key of a JSON object: text as it is, other labels as JSON writes them."""
    return label if isinstance(label, str) else json.dumps(label)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
