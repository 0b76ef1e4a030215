"""What other servers answer with 200 and another value than was sent: here each is refused in every protocol, by field, row and what
was expected.

The cases are what was seen of MLflow, KServe and MLServer: fractions cut, texts read as numbers, "false" taken for true, whole numbers that
wrap around, columns dropped, rows padded, the last of two values kept.
"""

import csv
import io
import json
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.api.conftest import Registered
from tests.conftest import Person
from tests.trained import COLUMNS, EXAMPLE

Row = dict[str, Any]
Sent = tuple[str, dict[str, str], bytes]  # path, headers, body

HEADER = "Inference-Header-Content-Length"
NATIVE, INFER, SCORE = "/v1/models/bugs/predict", "/v2/models/bugs/infer", "/endpoints/bugs/invocations"
KINDS = {column.name: column.kind for column in COLUMNS}
DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}
HUGE = "1e400"  # in JSON and CSV; no float holds it, so it goes into the text in the place of this mark
MARK = 8.765432109e300


def _json(path: str, body: object) -> Sent:
    text = json.dumps(body).replace(str(MARK), HUGE)
    return path, {"Content-Type": "application/json"}, text.encode()


def _in_order(rows: list[Row]) -> list[list[Any]]:
    return [list(row.values()) for row in rows]


def by_name(rows: list[Row]) -> Sent:
    return _json(NATIVE, {"features": rows})


def in_order(rows: list[Row]) -> Sent:
    return _json(NATIVE, {"features": _in_order(rows)})


def v2(rows: list[Row]) -> Sent:
    return _json(
        INFER,
        {
            "inputs": [
                {"name": name, "datatype": DATATYPES[KINDS.get(name, "number")], "shape": [len(values)], "data": values}
                for name, values in _columns(rows).items()
            ]
        },
    )


def v2_binary(rows: list[Row]) -> Sent:
    inputs, raw = [], b""
    for name, values in _columns(rows).items():
        datatype, data = _raw(values)
        inputs.append(
            {"name": name, "datatype": datatype, "shape": [len(values)], "parameters": {"binary_data_size": len(data)}}
        )
        raw += data
    text = json.dumps({"inputs": inputs}).encode()
    return INFER, {HEADER: str(len(text))}, text + raw


def _raw(values: list[Any]) -> tuple[str, bytes]:
    """A tensor as somebody would send it who has these values."""
    if any(isinstance(value, str) for value in values):
        texts = [str(value).encode() for value in values]
        return "BYTES", b"".join(struct.pack("<I", len(text)) + text for text in texts)
    if all(isinstance(value, bool) for value in values):
        return "BOOL", bytes(values)
    if all(isinstance(value, int) for value in values):
        return "UINT64", np.array([int(value) for value in values], "<u8").tobytes()
    numbers = [float("inf") if value == MARK else np.nan if value is None else float(value) for value in values]
    return "FP64", np.array(numbers, "<f8").tobytes()


def records(rows: list[Row]) -> Sent:
    return _json(SCORE, {"dataframe_records": rows})


def split(rows: list[Row]) -> Sent:
    return _json(SCORE, {"dataframe_split": {"columns": list(rows[-1]), "data": _in_order(rows)}})


def instances(rows: list[Row]) -> Sent:
    return _json(SCORE, {"instances": _in_order(rows)})


def inputs(rows: list[Row]) -> Sent:
    return _json(SCORE, {"inputs": _columns(rows)})


def csv_rows(rows: list[Row]) -> Sent:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([list(rows[-1]), *_in_order(rows)])
    return SCORE, {"Content-Type": "text/csv"}, text.getvalue().replace(str(MARK), HUGE).encode()


def parquet(rows: list[Row]) -> Sent:
    columns = {}
    for name, values in _columns(rows).items():
        known = [np.inf if value == MARK else value for value in values]
        if len({type(value) for value in known if value is not None}) > 1:
            known = [value if isinstance(value, str) else float(value) for value in known]
        if any(isinstance(value, str) for value in known):
            known = [None if value is None else str(value) for value in known]
        columns[name] = pa.array(known, pa.uint64() if max(map(_size, known)) > 2**62 else None)
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return SCORE, {"Content-Type": "application/vnd.apache.parquet"}, sink.getvalue()


def _size(value: object) -> int:
    return value if isinstance(value, int) else 0


def _columns(rows: list[Row]) -> dict[str, list[Any]]:
    return {name: [row.get(name, 1) for row in rows] for name in rows[-1]}


Form = Callable[[list[Row]], Sent]
NAMED: list[Form] = [by_name, v2, v2_binary, records, split, inputs, csv_rows, parquet]
FORMS: list[Form] = [*NAMED, in_order, instances]
# A file without types says nothing of how a value was meant: "7" is 7 there.
TYPED = [form for form in FORMS if form is not csv_rows]

# What is sent in the second of two rows, who can send it, and what the refusal says besides the field and the row.
DAMAGE: dict[str, tuple[Row, list[Form], str, str]] = {
    "a fraction for a whole number": ({"count": 1.9}, FORMS, "count", "whole number"),
    "a text of a whole number": ({"count": "3"}, TYPED, "count", "whole number|BYTES where the model|holds string"),
    "a text of a number": ({"size": "7"}, TYPED, "size", "not a number|BYTES where the model|holds string"),
    "a truth value for a number": (
        {"size": True},
        [form for form in FORMS if form not in (v2_binary, parquet)],
        "size",
        "not a number",
    ),
    "a text of a truth value": (
        {"open": "false"},
        TYPED,
        "open",
        "neither true nor false|not true or false|BYTES where the model|holds string",
    ),
    "a whole number for a truth value": (
        {"open": 2},
        FORMS,
        "open",
        "neither true nor false|not true or false|where the model takes BOOL|holds",
    ),
    "a number for a category": ({"colour": 3.5}, [f for f in FORMS if f not in (csv_rows, v2_binary, parquet)], "colour", "text"),
    "a whole number that no float holds": ({"count": 2**53 + 1}, FORMS, "count", r"beyond 2\*\*53"),
    "a whole number that wraps around": (
        {"count": 2**63}, FORMS, "count", r"beyond 2\*\*53|whole number from -9223372036854775808"
    ),
    "a number beyond every float": ({"size": MARK}, FORMS, "size", "finite|infinity|not a number|too large"),
    "missing where none was": ({"size": None}, FORMS, "size", "missing"),
    "a column too many": ({"weight": 1}, NAMED, "weight", "is not a field"),
    "an infinite number, bare": (
        {"size": float("inf")},
        [form for form in FORMS if form not in (csv_rows, v2_binary, parquet)],
        "Infinity",
        "not a JSON value|not JSON",
    ),
}  # fmt: skip
# Refused before any row is looked at.
WHOLE = ("BYTES where", "holds", "is not a field", "where the model takes", "JSON")


@pytest.fixture
def ask(expert: Person, registered: Registered) -> Callable[[Sent], Any]:
    registered("bugs", "multiclass")

    def send(sent: Sent) -> Any:
        path, headers, body = sent
        return expert.post(path, data=body, headers=headers)

    return send


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_no_value_is_quietly_changed(ask: Callable[[Sent], Any], form: Form) -> None:
    good = (
        ask(form([EXAMPLE, EXAMPLE | {"age": 1.5}])) if form is not v2_binary else ask(form([EXAMPLE | {"age": 1.5}]))
    )
    assert good.status_code == 200, good.text
    for name, (change, forms, field, expected) in DAMAGE.items():
        if form not in forms:
            continue
        first = EXAMPLE | {"age": 0.5} | {column: 1 for column in change if column not in EXAMPLE}
        answer = ask(form([first, first | change]))
        assert answer.status_code in {400, 422}, (name, answer.status_code, answer.text)
        assert field in answer.text, (name, answer.text)
        assert re.search(expected, answer.text), (name, answer.text)
        if not any(text in answer.text for text in WHOLE):
            assert "row 1" in answer.text.lower() or '"row": 1' in answer.text, (name, answer.text)


@pytest.mark.parametrize("form", [in_order, instances, split, csv_rows], ids=lambda form: form.__name__)
def test_short_and_long_rows_are_not_padded_or_cut(ask: Callable[[Sent], Any], form: Form) -> None:
    short = {name: EXAMPLE[name] for name in list(EXAMPLE)[:-1]}
    for rows in ([short, EXAMPLE], [EXAMPLE | {"more": 1}, EXAMPLE]):
        answer = ask(form(rows))
        assert answer.status_code in {400, 422}, answer.text
        assert "row 0" in answer.text.lower() or '"row": 0' in answer.text, answer.text


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        (NATIVE, b'{"features": {"size": 1, "size": 2}}', "size"),
        (NATIVE, b'{"features": [1], "features": [2]}', "features"),
        (INFER, b'{"inputs": [], "inputs": []}', "inputs"),
        (SCORE, b'{"dataframe_records": [{"size": 1, "size": 2}]}', "size"),
        (SCORE, b'{"dataframe_split": {"columns": ["size", "size"], "data": [[1, 2]]}}', "size"),
        (SCORE, b'{"inputs": {"size": [1], "size": [2]}}', "size"),
    ],
)
def test_the_first_of_two_values_is_not_dropped(ask: Callable[[Sent], Any], path: str, body: bytes, named: str) -> None:
    answer = ask((path, {"Content-Type": "application/json"}, body))
    assert (answer.status_code, f"'{named}' appears twice" in answer.text) == (400, True), answer.text


def test_a_column_of_a_csv_named_twice_is_refused(ask: Callable[[Sent], Any]) -> None:
    answer = ask((SCORE, {"Content-Type": "text/csv"}, b"size,size\n1,2\n"))
    assert (answer.status_code, "'size' appears twice" in answer.text) == (400, True)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_large_numbers_that_fit_are_kept(ask: Callable[[Sent], Any], form: Form) -> None:
    """3e9 does not become -1294967296, nor 1e40 infinity: the answer is that of the native protocol."""
    row = EXAMPLE | {"age": 0.5, "count": 3_000_000_000, "size": 1e40}
    native = ask(by_name([row, EXAMPLE | {"age": 0.5}])).get_json()["predictions"]
    answer = ask(form([row, EXAMPLE | {"age": 0.5}]))
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    labels = told["predictions"] if "predictions" in told else told["outputs"][0]["data"]
    assert labels == native
