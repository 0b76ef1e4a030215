"""A CSV body comes in; columns of values as JSON has them go out: a number only where the model takes numbers.

A text has no types of its own, so the kind of each column says how its texts are read, and never by guessing.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from backend.errors import Malformed
from backend.protocols.mlflow_scoring import to_columns, verify_count

# As JSON and every data tool write them; no thousands, no spaces, no comma.
_WHOLE = re.compile(r"[+-]?[0-9]{1,400}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def parse_csv(body: bytes, kinds: Mapping[str, str], *, max_rows: int) -> dict[str, list[Any]]:
    """The columns of a CSV with a header; an empty field is missing. `kinds` has the kind of each column of the model.

    What cannot be read as its column's kind stays a text, which the model's encoder refuses by field and row.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed("The body is not UTF-8 text.") from error
    rows = _rows(text, max_rows)
    names = next(rows, None)
    if not names:
        raise Malformed("The CSV has no header; its first line must name the columns.")
    table = list(rows)
    verify_count(len(table), max_rows)
    columns = to_columns(names, table)
    return {name: _read(values, kinds.get(name, "")) for name, values in columns.items()}


def _rows(text: str, max_rows: int) -> Iterator[list[str]]:
    """The header, then the rows; empty lines are taken at the end only, where they are no rows."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    empty: int | None = None
    try:
        for number, row in enumerate(reader):
            if not row:
                empty = empty or reader.line_num
                continue
            if empty is not None:
                raise Malformed(f'Line {empty} of the CSV is empty; a missing value in a single column is written "".')
            verify_count(max(number, 1), max_rows)
            yield row
    except csv.Error as error:
        raise Malformed(f"Line {reader.line_num} of the CSV cannot be read: {error}.") from error


def _read(values: list[str], kind: str) -> list[Any]:
    read = _READERS.get(kind, str)
    return [None if value == "" else read(value) for value in values]


def _number(text: str) -> Any:
    if _WHOLE.fullmatch(text):
        return int(text)
    if text == "NaN":
        return None
    return float(text) if len(text) <= 400 and _NUMBER.fullmatch(text) else text


def _truth(text: str) -> Any:
    return _TRUTH.get(text, text)


_READERS: Mapping[str, Callable[[str], Any]] = {"number": _number, "integer": _number, "boolean": _truth}
