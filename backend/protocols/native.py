"""The platform's own prediction protocol: `{"features": ..}` comes in as rows, predictions go out as JSON.

One row is a list of values in order or an object by name; many rows are a list of either kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from backend.errors import Malformed, TooLarge
from backend.protocols.quick_json import Irregular, parse_quick_table
from backend.protocols.strict_json import parse_rows, write_json

Row = Sequence[Any] | Mapping[str, Any]

_KEY = "features"
_LARGE = 4096  # bytes; below, an array takes longer to begin than the rows take one by one
_SHAPES = "'features' must be one row (a list of values or an object by name) or a list of such rows"
VALUE: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_BY_NAME: dict[str, Any] = {"type": "object", "minProperties": 1, "additionalProperties": VALUE}
_IN_ORDER: dict[str, Any] = {"type": "array", "minItems": 1, "items": VALUE}

REQUEST_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": [_KEY],
    "additionalProperties": False,
    "properties": {
        _KEY: {
            "description": "One row, in the order of the columns or by name, or a list of rows of one kind",
            "anyOf": [
                _BY_NAME,
                _IN_ORDER,
                {"type": "array", "minItems": 1, "items": _BY_NAME},
                {"type": "array", "minItems": 1, "items": _IN_ORDER},
            ],
        }
    },
}

SHARES: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}
_ORIGIN: dict[str, Any] = {
    "model": {"type": "string"},
    "version": {"type": "string"},
    "prediction_id": {"type": "string"},
}
ANSWER_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {
            "type": "object",
            "required": ["prediction", *_ORIGIN],
            "properties": {"prediction": VALUE, "probabilities": SHARES, **_ORIGIN},
        },
        {
            "type": "object",
            "required": ["predictions", *_ORIGIN],
            "properties": {
                "predictions": {"type": "array", "items": VALUE},
                "probabilities": {"type": "array", "items": SHARES},
                **_ORIGIN,
            },
        },
    ]
}


@dataclass(frozen=True)
class Question:
    """The rows of a request; `many` says whether it asked with a list of rows."""

    rows: Sequence[Row]
    many: bool


class Predicted(Protocol):
    """What is read of predictions: one value a row, and one object of probabilities a row for a classifier."""

    @property
    def values(self) -> list[Any]: ...
    @property
    def probabilities(self) -> list[dict[str, float]] | None: ...


def parse(body: bytes, *, max_rows: int) -> Question:
    """The rows of a request body; Malformed says what is wrong with its shape, TooLarge how many rows are too many.

    Whether the values fit is the model's to say. A bare NaN means missing, as null does.
    """
    asked = parse_rows(body)
    if not isinstance(asked, dict):
        raise Malformed("The request must be a JSON object with 'features'.")
    if _KEY not in asked:
        raise Malformed("Missing 'features' in request")
    if len(asked) > 1:
        unknown = next(name for name in asked if name != _KEY)
        raise Malformed(f"Unknown key '{unknown[:80]}' in request; it takes 'features' only.")
    return _question(asked[_KEY], max_rows)


def parse_table(body: bytes, width: int, *, max_rows: int) -> NDArray[np.float64] | None:
    """The numbers (rows, `width`) of a body that holds many rows of nothing but numbers; None leaves it to `parse`."""
    if len(body) < _LARGE:
        return None
    try:
        table = parse_quick_table(body, _KEY, width)
    except Irregular:
        return None
    return table if len(table) <= max_rows else None


def render(
    question: Question, predictions: Predicted, *, model: str, version: str, prediction_id: str
) -> dict[str, Any]:
    """The answer, in the shape of the question: `prediction` for one row, `predictions` for many."""
    values, shares = predictions.values, predictions.probabilities
    answer: dict[str, Any] = {"predictions": values} if question.many else {"prediction": values[0]}
    if shares is not None:
        answer["probabilities"] = shares if question.many else shares[0]
    return {**answer, "model": model, "version": version, "prediction_id": prediction_id}


def render_many(
    values: list[Any],
    names: Sequence[str],
    shares: NDArray[np.float64],
    *,
    model: str,
    version: str,
    prediction_id: str,
) -> bytes:
    """The answer for many rows of a classifier, as JSON: what `render` gives, without an object for each row on the way."""
    predictions = write_json({"predictions": values})[:-1]
    origin = write_json({"model": model, "version": version, "prediction_id": prediction_id})[1:]
    return b"".join([predictions, b',"probabilities":', _objects(names, shares), b",", origin])


def _objects(names: Sequence[str], shares: NDArray[np.float64]) -> bytes:
    """`shares` (rows, classes) as a list of objects: their numbers are written at once, and the names put between them."""
    numbers = orjson.dumps(np.ascontiguousarray(shares).ravel(), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    first, *others = [write_json(name) + b":" for name in names]
    row = [b"},{" + first, *(b"," + name for name in others)]
    pieces = row * (2 * len(shares))
    pieces[0::2] = row * len(shares)
    pieces[1::2] = numbers
    pieces[0] = b"[{" + first
    return b"".join([*pieces, b"}]"])


def _question(features: object, max_rows: int) -> Question:
    if isinstance(features, dict):
        return Question([features], many=False)
    if not isinstance(features, list):
        raise Malformed(f"{_SHAPES}.")
    if not features:
        raise Malformed("'features' is empty: it holds neither a row nor a value.")
    kinds = set(map(type, features))
    if kinds in ({list}, {dict}):
        if len(features) > max_rows:
            raise TooLarge(f"{len(features)} rows are more than the {max_rows} that one request may hold.")
        return Question(features, many=True)
    if kinds & {list, dict}:
        raise Malformed("'features' mixes rows and values, or rows in order and rows by name; send one kind.")
    return Question([features], many=False)
