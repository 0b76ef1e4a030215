"""A model as the Open Inference Protocol sees it: its columns as input tensors, its predictions as output tensors.

One tensor a column, or one of numbers (rows, columns) in the order of the columns.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backend.errors import FieldProblem, InvalidFields, Malformed
from backend.protocols.open_inference import Output
from backend.protocols.tensors import BOOL, BYTES, FLOATS, WHOLE, Tensor, Values

EXTENSIONS = ("binary_tensor_data",)

NUMBERS = frozenset({*FLOATS, *WHOLE})
_DATATYPES: Mapping[str, str] = {
    "number": "FP64",
    "integer": "INT64",
    "boolean": BOOL,
    "category": BYTES,
    "datetime": BYTES,
}
_TAKEN: Mapping[str, frozenset[str]] = {
    "number": NUMBERS,
    "integer": NUMBERS,
    "boolean": frozenset({BOOL}),
    "category": frozenset({BYTES}),
    "datetime": frozenset({BYTES}),
}
_CLASSES: Mapping[type, str] = {str: BYTES, bool: BOOL, int: "INT64"}


class Column(Protocol):
    """What is read of a column of a model."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def missing(self) -> bool: ...


def metadata(
    model: str, version: str, algorithm: str, columns: Sequence[Column], classes: Sequence[object], names: Sequence[str]
) -> dict[str, Any]:
    """The metadata of a model; what the standard has no word for is in the parameters of a tensor."""
    inputs = [
        {
            "name": column.name,
            "datatype": _DATATYPES[column.kind],
            "shape": [-1],
            "parameters": {"kind": column.kind, "missing": column.missing},
        }
        for column in columns
    ]
    outputs: list[dict[str, Any]] = [{"name": "prediction", "datatype": _prediction_type(classes), "shape": [-1]}]
    if classes:
        shares = {"name": "probabilities", "datatype": "FP64", "shape": [-1, len(classes)]}
        outputs.append({**shares, "parameters": _class_names(names)})
    return {
        "name": model,
        "versions": [version],
        "platform": f"signet_{algorithm}",
        "inputs": inputs,
        "outputs": outputs,
    }


def table_of(inputs: Sequence[Tensor], columns: Sequence[Column]) -> NDArray[Any] | None:
    """The numbers (rows, columns) of a single input that is a table without missing values in its JSON; else None."""
    if not _is_table(inputs, columns) or not isinstance(inputs[0].values, np.ndarray):
        return None
    _verify_table(inputs[0], columns)
    return inputs[0].values.reshape(inputs[0].shape)


def columns_of(inputs: Sequence[Tensor], columns: Sequence[Column]) -> dict[str, Values]:
    """The tensors as columns of the model; Malformed or InvalidFields says which does not fit."""
    if _is_table(inputs, columns):
        _verify_table(inputs[0], columns)
        return {column.name: inputs[0].values[place :: len(columns)] for place, column in enumerate(columns)}
    kinds = {column.name: column.kind for column in columns}
    problems = [
        FieldProblem(tensor.name, f"is {tensor.datatype} where the model takes {_DATATYPES[kinds[tensor.name]]}")
        for tensor in inputs
        if tensor.name in kinds and tensor.datatype not in _TAKEN[kinds[tensor.name]]
    ]
    if problems:
        raise InvalidFields(problems)
    rows = inputs[0].shape[0]
    for tensor in inputs:
        if tensor.shape not in {(rows,), (rows, 1)}:
            raise Malformed(
                f"Input '{tensor.name[:80]}': 'shape' must be [{rows}] or [{rows}, 1], as the rows of all are."
            )
    return {tensor.name: tensor.values for tensor in inputs}


def outputs_of(values: Values, shares: Any, classes: Sequence[object], names: Sequence[str]) -> list[Output]:
    """Predictions as tensors: `prediction` (rows), and for a classifier `probabilities` (rows, classes)."""
    rows = len(values)
    if not classes:
        odd = sum(not math.isfinite(value) for value in values)
        return [Output("prediction", "FP64", [rows], values, {"non_finite": odd} if odd else {})]
    return [
        Output("prediction", _prediction_type(classes), [rows], values),
        Output("probabilities", "FP64", [rows, len(classes)], shares.ravel(), _class_names(names)),
    ]


def _is_table(inputs: Sequence[Tensor], columns: Sequence[Column]) -> bool:
    """Whether the only input is a table of numbers, as clients send it that do not know columns."""
    if len(inputs) != 1 or not all(column.kind in {"number", "integer"} for column in columns):
        return False
    names = {column.name for column in columns}
    return len(inputs[0].shape) == 2 and (inputs[0].name not in names or inputs[0].shape[1] > 1)


def _verify_table(tensor: Tensor, columns: Sequence[Column]) -> None:
    if tensor.datatype not in NUMBERS:
        raise InvalidFields([FieldProblem(tensor.name[:80], f"is {tensor.datatype} where the model takes numbers")])
    width = tensor.shape[1]
    if width != len(columns):
        names = ", ".join(column.name for column in columns)[:300]
        problem = f"has {width} columns where the model takes {len(columns)}: {names}"
        raise InvalidFields([FieldProblem(tensor.name[:80], problem)])


def _prediction_type(classes: Sequence[object]) -> str:
    return _CLASSES[type(classes[0])] if classes else "FP64"


def _class_names(names: Sequence[str]) -> dict[str, str]:
    """The classes in the order of their probabilities: parameters are no lists, so it is a list as JSON text."""
    return {"class_names": json.dumps(list(names), ensure_ascii=False)}
