"""Whatever arrives, a protocol answers or refuses in words: it never fails in another way."""

import contextlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.algorithms.column_encoding import ColumnEncoder
from backend.algorithms.encoding import RowEncoder
from backend.algorithms.signature import Column
from backend.errors import SignetError
from backend.protocols import mlflow_scoring, native, open_inference
from backend.protocols.csv_rows import parse_csv
from backend.protocols.open_inference import Output
from backend.protocols.open_inference_model import columns_of, table_of
from backend.protocols.parquet_table import parse_parquet
from tests.trained import COLUMNS

NUMBERS = (Column("a", "number"), Column("b", "integer", missing=True))
WORDS = [
    "inputs",
    "outputs",
    "parameters",
    "id",
    "name",
    "shape",
    "datatype",
    "data",
    "binary_data",
    "binary_data_size",
    "binary_data_output",
    "prediction",
    "dataframe_split",
    "dataframe_records",
    "instances",
    "columns",
    "index",
    "params",
    "features",
    "size",
    "count",
    "colour",
    "open",
    "age",
    "a",
    "b",
]
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers()
    | st.floats()
    | st.sampled_from(["FP64", "INT8", "BYTES", "BOOL", "FP32", "red", "2026-01-31", *WORDS])
    | st.text(max_size=3)
)
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=2), inner, max_size=5)
    ),
    max_leaves=25,
)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["size", "a", "b", "x"]),
        "datatype": st.sampled_from(["FP64", "FP32", "INT8", "UINT64", "BOOL", "BYTES"]),
    },
    optional={
        "shape": st.lists(st.integers(-1, 4) | st.just(2**62), max_size=3) | documents,
        "data": st.lists(leaves, max_size=4) | st.lists(st.lists(leaves, max_size=3), max_size=3) | documents,
        "parameters": st.dictionaries(st.sampled_from(WORDS), st.integers(-1, 40) | leaves, max_size=2) | documents,
    },
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3) | documents}, optional={"outputs": documents, "parameters": documents}
)
many: Any = settings(max_examples=150, deadline=None)


def written(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def infer(body: bytes, header: str | None) -> None:
    question = open_inference.parse(body, header, max_rows=50)
    open_inference.render(question, [Output("prediction", "FP64", [1], [1.0])], model="m", version="1", new_id="x")
    for columns in (COLUMNS, NUMBERS):
        with contextlib.suppress(SignetError):
            table = table_of(question.inputs, columns)
            if table is not None:
                ColumnEncoder(columns).encode_table(table)
            ColumnEncoder(columns).encode(columns_of(question.inputs, columns))


@many
@given(requests | documents, st.none() | st.binary(max_size=40))
def test_the_open_inference_protocol(document: object, raw: bytes | None) -> None:
    body = written(document)
    with contextlib.suppress(SignetError):
        infer(body + (raw or b""), None if raw is None else str(len(body)))


@many
@given(
    documents
    | st.dictionaries(st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs", "params"]), documents, max_size=2)
    | st.fixed_dictionaries({"dataframe_split": st.fixed_dictionaries({"columns": documents, "data": documents})})
)  # fmt: skip
def test_mlflow_scoring(document: object) -> None:
    with contextlib.suppress(SignetError):
        question = mlflow_scoring.parse_json_body(written(document), max_rows=50)
        for columns in (COLUMNS, NUMBERS):
            with contextlib.suppress(SignetError):
                if question.columns is not None:
                    ColumnEncoder(columns).encode(question.columns)
                else:
                    RowEncoder(columns).encode(question.rows or [])


@many
@given(documents)
def test_the_native_protocol(document: object) -> None:
    with contextlib.suppress(SignetError):
        RowEncoder(COLUMNS).encode(native.parse(written({"features": document}), max_rows=50).rows)


@many
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["size", "count", ",", "\n", "\r", '"', "1", "1.5", "\0", "true"])).map("".join)
)
def test_csv(text: str) -> None:
    kinds = {column.name: column.kind for column in COLUMNS}
    with contextlib.suppress(SignetError):
        ColumnEncoder(COLUMNS).encode(parse_csv(text.encode("utf-8", "replace"), kinds, max_rows=50))


@many
@given(st.binary(max_size=100))
def test_parquet(body: bytes) -> None:
    with contextlib.suppress(SignetError):
        parse_parquet(b"PAR1" + body + b"PAR1", frozenset("a"), max_rows=50, limit=10_000)
