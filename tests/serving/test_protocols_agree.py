"""The same rows give the same answer through every protocol, to the last bit; and what one refuses, all refuse."""

import csv
import io
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.algorithms.column_encoding import ColumnEncoder
from backend.algorithms.encoding import encode_rows
from backend.algorithms.manifest import Manifest
from backend.algorithms.signature import Column, Task
from backend.errors import InvalidFields, SignetError
from backend.protocols import mlflow_scoring, native, open_inference
from backend.protocols.csv_rows import parse_csv
from backend.protocols.open_inference_model import columns_of, outputs_of
from backend.protocols.parquet_table import parse_parquet
from backend.protocols.tensors import to_bytes
from backend.serving.models import Outputs, ServedModel
from tests.trained import COLUMNS, EXAMPLE, make_result

Rows = list[dict[str, Any]]
NAMES = [column.name for column in COLUMNS]
MANY = 1000
MB = 1024 * 1024
DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}
ARROW = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "category": pa.string()}
NUMERIC = (Column("a", "number"), Column("b", "integer"), Column("c", "number", missing=True))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Task], ServedModel]:
    @cache
    def load(task: Task) -> ServedModel:
        result = make_result(tmp_path_factory.mktemp("model") / "result", task, algorithm="linear")
        manifest = Manifest.from_json(json.loads((result / "result.json").read_text())["manifest"])
        return ServedModel.load("m", 1, result / "bundle", manifest)

    return load


def by_native(model: ServedModel, rows: Rows) -> Outputs:
    return model.predict_rows(native.parse(json.dumps({"features": rows}).encode(), max_rows=MANY).rows)


def by_native_in_order(model: ServedModel, rows: Rows) -> Outputs:
    ordered = [[row[name] for name in NAMES] for row in rows]
    return model.predict_rows(native.parse(json.dumps({"features": ordered}).encode(), max_rows=MANY).rows)


def infer(model: ServedModel, body: bytes, header: str | None = None) -> Outputs:
    question = open_inference.parse(body, header, max_rows=MANY)
    return model.predict_columns(columns_of(question.inputs, model.signature.columns))


def by_v2_json(model: ServedModel, rows: Rows) -> Outputs:
    inputs = [
        {"name": c.name, "datatype": DATATYPES[c.kind], "shape": [len(rows), 1], "data": [row[c.name] for row in rows]}
        for c in COLUMNS
    ]
    return infer(model, json.dumps({"inputs": inputs}).encode())


def by_v2_binary(model: ServedModel, rows: Rows) -> Outputs:
    """What binary data cannot say, a missing text, goes as JSON beside it."""
    inputs, raw = [], b""
    for c in COLUMNS:
        values = [row[c.name] for row in rows]
        part: dict[str, Any] = {"name": c.name, "datatype": DATATYPES[c.kind], "shape": [len(rows)]}
        if c.kind == "category" and None in values:
            part["data"] = values
        else:
            data = to_bytes(part["datatype"], [np.nan if v is None else v for v in values])
            part["parameters"] = {"binary_data_size": len(data)}
            raw += data
        inputs.append(part)
    text = json.dumps({"inputs": inputs}).encode()
    return infer(model, text + raw, str(len(text)))


def invoke(model: ServedModel, body: dict[str, Any]) -> Outputs:
    question = mlflow_scoring.parse_json_body(json.dumps(body).encode(), max_rows=MANY)
    if question.columns is not None:
        return model.predict_columns(question.columns)
    return model.predict_rows(question.rows or [])


def by_split(model: ServedModel, rows: Rows) -> Outputs:
    names = NAMES[::-1]
    return invoke(
        model, {"dataframe_split": {"columns": names, "data": [[row[name] for name in names] for row in rows]}}
    )


def by_records(model: ServedModel, rows: Rows) -> Outputs:
    return invoke(model, {"dataframe_records": rows})


def by_inputs(model: ServedModel, rows: Rows) -> Outputs:
    return invoke(model, {"inputs": {name: [row[name] for row in rows] for name in NAMES}})


def by_csv(model: ServedModel, rows: Rows) -> Outputs:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([NAMES, *([row[name] for name in NAMES] for row in rows)])
    kinds = {column.name: column.kind for column in COLUMNS}
    return model.predict_columns(parse_csv(text.getvalue().encode(), kinds, max_rows=MANY))


def by_parquet(model: ServedModel, rows: Rows) -> Outputs:
    sink = io.BytesIO()
    pq.write_table(pa.table({c.name: pa.array([r[c.name] for r in rows], ARROW[c.kind]) for c in COLUMNS}), sink)
    return model.predict_table(parse_parquet(sink.getvalue(), frozenset(NAMES), max_rows=MANY, limit=MB))


WAYS: list[Callable[[ServedModel, Rows], Outputs]] = [
    by_native, by_native_in_order, by_v2_json, by_v2_binary, by_split, by_records, by_inputs, by_csv, by_parquet,
]  # fmt: skip

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.1, -0.0, 5e-324, 1e308, 2.0**53])
# An empty text in a CSV is a missing value, and no text in it may hold what ends a line of it in another way.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
row_values = st.fixed_dictionaries(
    {
        "size": numbers,
        "count": st.integers(-(2**53), 2**53),
        "colour": st.none() | st.sampled_from(["red", "green", "blue", "mauve", "1", "NaN", "true"]) | texts,
        "open": st.booleans(),
        "age": st.none() | numbers,
    }
)


def bits(outputs: Outputs) -> tuple[bytes, bytes]:
    shares = b"" if outputs.shares is None else np.ascontiguousarray(outputs.shares).tobytes()
    whole = [struct.pack("<d", v) if isinstance(v, float) else repr(v).encode() for v in outputs.values]
    return b"|".join(whole), shares


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_every_protocol_gives_the_same_bits(served: Callable[[Task], ServedModel], task: Task) -> None:
    model = served(task)

    @given(st.lists(row_values, min_size=1, max_size=4))
    @settings(max_examples=60, deadline=None)
    def agree(rows: Rows) -> None:
        expected = bits(by_native(model, rows))
        for way in WAYS[1:]:
            assert bits(way(model, rows)) == expected, way.__name__

    agree()


@pytest.fixture(scope="module", params=["xgboost", "linear"])
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    result = make_result(tmp_path_factory.mktemp("either") / "result", algorithm=request.param, rounds=40)
    manifest = Manifest.from_json(json.loads((result / "result.json").read_text())["manifest"])
    return ServedModel.load("m", 1, result / "bundle", manifest)


@pytest.mark.parametrize("way", [by_native, by_v2_json, by_inputs, by_parquet], ids=lambda way: way.__name__)
def test_a_row_has_the_same_bits_alone_and_among_many(
    either: ServedModel, way: Callable[[ServedModel, Rows], Outputs]
) -> None:
    @given(st.lists(row_values, min_size=1, max_size=100), st.integers(0, 99))
    @settings(max_examples=25, deadline=None)
    def agree(rows: Rows, place: int) -> None:
        row = place % len(rows)
        together, alone = way(either, rows), way(either, [rows[row]])
        assert together.shares is not None
        assert alone.shares is not None
        assert together.shares[row].tobytes() == alone.shares[0].tobytes()
        assert together.values[row] == alone.values[0]

    agree()


REFUSED = {
    "a fraction for a whole number": ({"count": 1.7}, [by_v2_json, by_records, by_split, by_inputs, by_csv]),
    "text for a number": ({"size": "five"}, [by_v2_json, by_records, by_split, by_inputs, by_csv]),
    "text for a truth value": ({"open": "yes"}, [by_v2_json, by_records, by_split, by_inputs, by_csv]),
    "beyond 2**53": ({"count": 2**53 + 1}, [*WAYS[1:]]),
    "missing where none was": ({"size": None}, [*WAYS[1:]]),
    "missing where no truth value was": (
        {"open": None},
        [by_v2_json, by_records, by_split, by_inputs, by_csv, by_parquet],
    ),
}


@pytest.mark.parametrize(("change", "ways"), REFUSED.values(), ids=REFUSED)
def test_what_the_native_protocol_refuses_all_refuse(
    served: Callable[[Task], ServedModel], change: dict[str, Any], ways: list[Any]
) -> None:
    model = served("regression")
    rows = [EXAMPLE, EXAMPLE | change]
    for way in (by_native, *ways):
        with pytest.raises(SignetError) as refusal:
            way(model, rows)
        assert f"'{next(iter(change))}'" in refusal.value.detail, way.__name__
        assert "row 1" in refusal.value.detail, way.__name__


@pytest.fixture(scope="module")
def choosy(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    """A model that refuses a colour which training never saw."""
    columns = tuple(replace(c, unknown="refuse") if c.kind == "category" else c for c in COLUMNS)
    result = make_result(tmp_path_factory.mktemp("choosy") / "result", columns=columns)
    manifest = Manifest.from_json(json.loads((result / "result.json").read_text())["manifest"])
    return ServedModel.load("m", 1, result / "bundle", manifest)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("others", [0, 30])
def test_a_model_that_refuses_unknown_categories_does_so_through_every_protocol(
    choosy: ServedModel, way: Callable[[ServedModel, Rows], Outputs], others: int
) -> None:
    rows = [EXAMPLE] * (others + 1)
    assert len(way(choosy, rows).values) == len(rows)
    assert bits(way(choosy, [EXAMPLE | {"colour": None}])) == bits(by_native(choosy, [EXAMPLE | {"colour": None}]))
    with pytest.raises(InvalidFields, match="'colour' is none of the categories that training saw"):
        way(choosy, [*rows, EXAMPLE | {"colour": "mauve"}])


class TestATableOfNumbers:
    """One tensor (rows, columns) in the order of the columns, as clients send it that do not know columns."""

    def columns(self, datatype: str, shape: list[int], data: list[Any], name: str = "input-0") -> Any:
        body = {"inputs": [{"name": name, "datatype": datatype, "shape": shape, "data": data}]}
        question = open_inference.parse(json.dumps(body).encode(), None, max_rows=9)
        return columns_of(question.inputs, NUMERIC)

    def test_it_is_the_same_matrix_as_its_rows(self) -> None:
        rows = [[0.1, 2, None], [1e-300, -7, 0.25]]
        expected = encode_rows(NUMERIC, rows).tobytes()
        for data in (rows, [value for row in rows for value in row]):
            assert ColumnEncoder(NUMERIC).encode(self.columns("FP64", [2, 3], data)).tobytes() == expected

    def test_a_name_does_not_matter_unless_it_is_a_column_of_its_own(self) -> None:
        assert list(self.columns("FP32", [1, 3], [1.0, 2.0, 3.0], "a")) == ["a", "b", "c"]
        assert list(self.columns("FP32", [1, 1], [1.0], "a")) == ["a"]

    def test_another_width_or_texts_are_refused(self) -> None:
        with pytest.raises(InvalidFields, match="has 2 columns where the model takes 3: a, b, c"):
            self.columns("FP64", [1, 2], [1.0, 2.0])
        with pytest.raises(InvalidFields, match="is BYTES where the model takes numbers"):
            self.columns("BYTES", [1, 3], ["1", "2", "3"])
        with pytest.raises(InvalidFields, match="'b' is not a whole number"):
            ColumnEncoder(NUMERIC).encode(self.columns("FP64", [1, 3], [1.0, 2.5, 3.0]))

    def test_a_model_with_texts_takes_no_table(self) -> None:
        body = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 5], "data": [1.0] * 5}]}
        question = open_inference.parse(json.dumps(body).encode(), None, max_rows=9)
        with pytest.raises(SignetError):
            columns_of(question.inputs, COLUMNS)


KINDS = ("number", "integer", "boolean", "category", "datetime")
values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**54), 2**54)
    | st.floats()
    | st.sampled_from(["red", "x", "2026-01-31T12:00:00.5Z", "1969-12-31"])
)


def encoded(encode: Callable[[], Any]) -> object:
    """The bytes of a matrix, or what was wrong with it."""
    try:
        return encode().tobytes()
    except InvalidFields as refused:
        return refused.problems


columns = st.builds(
    lambda kind, missing: Column("a", kind, ("red", "blue"), missing), st.sampled_from(KINDS), st.booleans()
)


repeats = st.sampled_from([1, 40])  # few rows and many go different ways


@given(columns, st.lists(values, min_size=1, max_size=5), repeats)
@settings(max_examples=300, deadline=None)
def test_a_column_is_encoded_as_its_rows_are_or_refused_for_the_same_reason(
    column: Any, given_values: list[Any], repeat: int
) -> None:
    given_values = given_values * repeat
    by_rows = encoded(lambda: encode_rows([column], [[value] for value in given_values]))
    assert encoded(lambda: ColumnEncoder([column]).encode({"a": given_values})) == by_rows


arrays = st.one_of(
    st.lists(kind, min_size=1, max_size=5)
    for kind in (st.booleans(), st.integers(-(2**54), 2**54), st.floats(), numbers, st.integers(-9, 9).map(float))
)


@given(columns, arrays, repeats)
@settings(max_examples=300, deadline=None)
def test_an_array_is_encoded_as_its_values_are(column: Any, given_values: list[Any], repeat: int) -> None:
    given_values = given_values * repeat
    by_rows = encoded(lambda: encode_rows([column], [[value] for value in given_values]))
    assert encoded(lambda: ColumnEncoder([column]).encode({"a": np.array(given_values)})) == by_rows


tables = st.integers(1, 3).flatmap(
    lambda rows: st.lists(
        st.tuples(numbers | st.floats(), st.integers(-9, 9).map(float) | numbers, st.floats()),
        min_size=rows,
        max_size=rows,
    )
)


@given(tables, repeats)
@settings(max_examples=300, deadline=None)
def test_a_table_of_numbers_is_encoded_as_its_rows_are(rows: list[Any], repeat: int) -> None:
    table = np.array(rows * repeat)
    by_rows = encoded(lambda: encode_rows(NUMERIC, table.tolist()))
    assert encoded(lambda: ColumnEncoder(NUMERIC).encode_table(table)) == by_rows
    by_columns = {column.name: table[:, place] for place, column in enumerate(NUMERIC)}
    assert encoded(lambda: ColumnEncoder(NUMERIC).encode(by_columns)) == by_rows


def test_the_output_of_integer_classes_is_int64() -> None:
    outputs = outputs_of([3, 1], np.array([[0.2, 0.8], [0.5, 0.5]]), (1, 3), ["1", "3"])
    assert [(out.datatype, list(out.shape)) for out in outputs] == [("INT64", [2]), ("FP64", [2, 2])]


def test_outputs_that_are_no_numbers_are_counted() -> None:
    (out,) = outputs_of([1.0, float("nan"), float("inf")], None, (), [])
    assert out.parameters == {"non_finite": 2}
