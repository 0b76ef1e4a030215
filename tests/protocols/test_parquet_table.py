"""Parquet bodies: what is read, and a bound on what they unpack to."""

import datetime as dt
import io
import tracemalloc
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.errors import InvalidFields, Malformed, SignetError, TooLarge
from backend.protocols.parquet_table import parse_parquet

MB = 1024 * 1024


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def read(body: bytes, names: str = "a b", *, max_rows: int = 1000, limit: int = MB) -> pa.Table:
    return parse_parquet(body, frozenset(names.split()), max_rows=max_rows, limit=limit)


def test_a_table_is_what_was_written_without_the_index_of_pandas() -> None:
    frame = pd.DataFrame({"a": [1.5, None], "b": ["x", "y"]}, index=[5, 9])
    sink = io.BytesIO()
    frame.to_parquet(sink)
    assert read(sink.getvalue()).to_pydict() == {"a": [1.5, None], "b": ["x", "y"]}


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (pa.table({"z": [1]}), "'z' is not a field"),
        (pa.table({"a": [[1]]}), "'a' holds list"),
        (pa.table({"a": [b"1"]}), "'a' holds binary"),
        (pa.table({"a": [dt.timedelta(1)]}), "'a' holds duration"),
        (pa.table({"a": [dt.time(1)]}), "'a' holds time64"),
        (pa.table({"a": pa.array([2**60], pa.timestamp("us"))}), "years 1 to 9999"),
        (pa.table({"a": pa.array([2**60], pa.timestamp("ms"))}), "years 1 to 9999"),
    ],
)
def test_columns_that_are_not_read_are_named(table: pa.Table, reason: str) -> None:
    with pytest.raises(InvalidFields, match=reason):
        read(written(table))


def test_what_is_no_parquet_is_refused() -> None:
    whole = written(pa.table({"a": list(range(500))}))
    for body in (b"", b"PAR1", b"a,b\n1,2\n", whole[:-20], whole[40:], b"PAR1" + b"\xff" * 64 + b"PAR1"):
        with pytest.raises(Malformed):
            read(body)


def test_every_flipped_byte_is_an_answer_and_not_a_fault() -> None:
    whole = written(pa.table({"a": list(range(20)), "b": ["x", "y"] * 10}))
    for place in range(len(whole)):
        body = bytearray(whole)
        body[place] ^= 0x15
        try:
            read(bytes(body))
        except SignetError:
            continue


def test_no_rows_and_too_many_rows() -> None:
    with pytest.raises(Malformed, match="no rows"):
        read(written(pa.table({"a": pa.array([], pa.float64())})))
    with pytest.raises(TooLarge, match="11 rows"):
        read(written(pa.table({"a": [1.0] * 11})), max_rows=10)


def test_a_bomb_is_refused_before_it_fills_the_memory() -> None:
    text = "x" * 20_000
    for table, options in (
        (pa.table({"a": ["x" * 3000] * 1000}), {"use_dictionary": False, "compression": "zstd"}),
        (pa.table({"a": [text] * 1000}), {}),
    ):
        body = written(table, **options)
        assert len(body) < 0.1 * MB
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        try:
            with pytest.raises(TooLarge, match="unpacks to more than 1 MB"):
                read(body)
            assert tracemalloc.get_traced_memory()[1] < MB
            assert pa.total_allocated_bytes() - before < MB
        finally:
            tracemalloc.stop()
