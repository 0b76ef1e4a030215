"""MLflow's scoring protocol: the body of an invocation comes in as rows or columns, predictions go out.

JSON in the four forms that MLflow knows; CSV and Parquet are in modules of their own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.errors import FieldProblem, InvalidFields, Malformed, TooLarge, UnsupportedMediaType
from backend.protocols.strict_json import parse_rows

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"

_PARAMS = "params"
_TABLE: dict[str, Any] = {"type": "array", "minItems": 1}
REQUEST_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Exactly one of the four forms",
    "additionalProperties": False,
    "properties": {
        "dataframe_split": {
            "type": "object",
            "required": ["data"],
            "additionalProperties": False,
            "properties": {
                "columns": {"type": "array", "items": {"type": "string"}},
                "data": {**_TABLE, "items": {"type": "array"}},
                "index": {"type": "array"},
            },
        },
        "dataframe_records": {**_TABLE, "items": {"type": "object"}},
        "instances": {**_TABLE, "description": "Rows, by name or in the order of the columns"},
        "inputs": {
            "description": "Columns by name, or rows in the order of the columns",
            "anyOf": [{**_TABLE}, {"type": "object", "minProperties": 1, "additionalProperties": {"type": "array"}}],
        },
        _PARAMS: {"type": "object", "description": "Models here take none", "maxProperties": 0},
    },
}
ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["predictions"],
    "properties": {"predictions": {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}}},
}
FAILURE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {
        "error_code": {"type": "string", "description": "The kind of error, in MLflow's words"},
        "message": {"type": "string", "description": "What is wrong and what to do"},
        "request_id": {"type": "string"},
    },
}
_CODES: Mapping[int, str] = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    413: "BAD_REQUEST",
    415: "BAD_REQUEST",
    422: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}


@dataclass(frozen=True)
class Question:
    """What was asked: rows, each in order or by name, or else columns by name."""

    rows: Sequence[Any] | None = None
    columns: Mapping[str, Sequence[Any]] | None = None


def parse_json_body(body: bytes, *, max_rows: int) -> Question:
    """The rows or columns of a JSON body; Malformed says what is wrong with its form, TooLarge how many rows are too many."""
    asked = parse_rows(body)
    forms = ", ".join(f"'{form}'" for form in _FORMS)
    if not isinstance(asked, dict):
        raise Malformed(f"The request must be a JSON object with one of {forms}.")
    unknown = next((name for name in asked if name not in _FORMS and name != _PARAMS), None)
    if unknown is not None:
        raise Malformed(f"Unknown key '{unknown[:80]}' in request; it takes one of {forms}, and '{_PARAMS}'.")
    given = [form for form in _FORMS if form in asked]
    if len(given) != 1:
        raise Malformed(f"The request must have exactly one of {forms}; it has {len(given)}.")
    _verify_params(asked.get(_PARAMS))
    return _FORMS[given[0]](asked[given[0]], max_rows)


def media_type(given: str, parameters: Mapping[str, str]) -> str:
    """The media type to read a body by: JSON where none is given; UnsupportedMediaType for what is not read here."""
    wanted = given or JSON
    if wanted not in {JSON, CSV, PARQUET}:
        raise UnsupportedMediaType(f"Send the body as {JSON}, {CSV} or {PARQUET}.")
    other = {name: value for name, value in parameters.items() if name != "charset" or value.lower() != "utf-8"}
    if other:
        raise UnsupportedMediaType("The media type may have no parameter but charset=utf-8.")
    return wanted


def error_code(status: int) -> str:
    """The kind of an error in MLflow's words."""
    return _CODES.get(status, "INTERNAL_ERROR" if status >= 500 else "BAD_REQUEST")


def verify_count(count: int, max_rows: int) -> None:
    """Malformed where there is no row, TooLarge where there are too many."""
    if not count:
        raise Malformed("The request holds no rows.")
    if count > max_rows:
        raise TooLarge(f"{count} rows are more than the {max_rows} that one request may hold.")


def _split(given: object, max_rows: int) -> Question:
    name = "dataframe_split"
    if not isinstance(given, dict) or not set(given) <= {"columns", "data", "index"}:
        raise Malformed(f"'{name}' must be an object with 'data', and 'columns' and 'index' if you like.")
    rows = _rows_in_order(f"{name}.data", given.get("data"), max_rows)
    index = given.get("index")
    if index is not None and (not isinstance(index, list) or len(index) != len(rows)):
        raise Malformed(f"'{name}.index' must be a list with one entry a row.")
    columns = given.get("columns")
    if columns is None:
        return Question(rows=rows)
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise Malformed(f"'{name}.columns' must be a list of names.")
    return Question(columns=to_columns(columns, rows))


def _records(given: object, max_rows: int) -> Question:
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise Malformed("'dataframe_records' must be a list of objects, one a row.")
    verify_count(len(given), max_rows)
    return Question(rows=given)


def _instances(given: object, max_rows: int) -> Question:
    if not isinstance(given, list):
        raise Malformed("'instances' must be a list of rows.")
    verify_count(len(given), max_rows)
    # One value is a whole row of a model with one column.
    return Question(rows=[row if isinstance(row, list | dict) else [row] for row in given])


def _inputs(given: object, max_rows: int) -> Question:
    if not isinstance(given, dict):
        if not isinstance(given, list):
            raise Malformed("'inputs' must be an object of columns or a list of rows.")
        verify_count(len(given), max_rows)
        return Question(rows=[row if isinstance(row, list | dict) else [row] for row in given])
    if not given or not all(isinstance(column, list) for column in given.values()):
        raise Malformed("'inputs' must hold columns by name, each a list of values.")
    count = len(next(iter(given.values())))
    verify_count(count, max_rows)
    problems = [
        FieldProblem(name[:80], f"has {len(column)} values where the first column has {count}")
        for name, column in given.items()
        if len(column) != count
    ]
    if problems:
        raise InvalidFields(problems)
    return Question(columns=given)


_FORMS: Mapping[str, Callable[[object, int], Question]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}


def to_columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Columns by name of rows that must all be of that width; Malformed names the first that is not."""
    if len(set(names)) != len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise Malformed(f"The column '{twice[:80]}' appears twice.")
    wrong = next((number for number, row in enumerate(rows) if len(row) != len(names)), None)
    if wrong is not None:
        raise Malformed(f"Row {wrong} has {len(rows[wrong])} values where there are {len(names)} columns.")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _rows_in_order(name: str, given: object, max_rows: int) -> list[list[Any]]:
    if not isinstance(given, list) or not all(isinstance(row, list) for row in given):
        raise Malformed(f"'{name}' must be a list of rows, each a list of values.")
    verify_count(len(given), max_rows)
    return given


def _verify_params(params: object) -> None:
    if params is None:
        return
    if not isinstance(params, dict):
        raise Malformed(f"'{_PARAMS}' must be an object.")
    if params:
        raise InvalidFields(
            [FieldProblem(name[:80], "is not a parameter of this model; it takes none") for name in params][:20]
        )
