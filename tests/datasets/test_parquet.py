"""Parquet files keep their values; types without a counterpart are refused by column."""

import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.datasets import limits, parquet, parquet_types
from backend.datasets.values import as_json
from backend.errors import DatasetUnreadable, TooLarge
from tests.datasets.conftest import Reader


def _file(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


MOMENT = datetime(2024, 5, 31, 12, 0, 0, 123456)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("array", "kind", "values"),
    [
        (pa.array([1, None, -(2**63)]), "integer", [1, None, -(2**63)]),
        (pa.array([1, 255], pa.uint8()), "integer", [1, 255]),
        (pa.array([1, 2**63 - 1], pa.uint64()), "integer", [1, 2**63 - 1]),
        (pa.array([0.1, None, 5e-324, 1.7e308, -0.0]), "number", [0.1, None, 5e-324, 1.7e308, -0.0]),
        (pa.array([0.5, 0.25], pa.float32()), "number", [0.5, 0.25]),
        (pa.array([1.0, float("nan"), float("inf")]), "number", [1.0, None, None]),
        (pa.array([Decimal("1.25"), None]), "number", [1.25, None]),
        (pa.array([Decimal(12), None], pa.decimal128(18, 0)), "integer", [12, None]),
        (pa.array([True, None, False]), "boolean", [True, None, False]),
        (pa.array(["NA", " x ", "", None]), "category", ["NA", " x ", "", None]),
        (pa.array(["x", "y"], pa.large_string()), "category", ["x", "y"]),
        (pa.array(["x", None, "x"]).dictionary_encode(), "category", ["x", None, "x"]),
        (pa.array([b"x", b"\xc3\xbc"]), "category", ["x", "ü"]),
        (pa.array([date(2024, 5, 31)]), "datetime", [datetime(2024, 5, 31)]),  # noqa: DTZ001
        (pa.array([MOMENT]), "datetime", [MOMENT]),
        (pa.array([MOMENT.replace(tzinfo=UTC)], pa.timestamp("ms", "Asia/Tokyo"), safe=False), "datetime",
         [MOMENT.replace(microsecond=123000, tzinfo=UTC)]),
        (pa.array([time(10, 30)]), "category", ["10:30:00.000000"]),
        (pa.nulls(2), "text", [None, None]),
    ],
)  # fmt: skip
def test_types_become_kinds_without_loss(read: Reader, array: pa.Array, kind: str, values: list[Any]) -> None:
    made = read(_file(pa.table({"x": array, "n": list(range(len(array)))})), "data.csv")
    assert made.format == "parquet"
    assert (made.kinds["x"], [repr(as_json(v)) for v in made.values("x")]) == (kind, [repr(as_json(v)) for v in values])


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (pa.array([[1, 2], [3]]), "'x' is of type 'list"),
        (pa.array([{"a": 1}]), "'x' is of type 'struct"),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), "'x' is of type 'map"),
        (pa.array([timedelta(seconds=1)]), "'x' is of type 'duration"),
        (pa.array([b"\xff\xfe"]), "'x' holds bytes that are no text"),
        (pa.array([2**63], pa.uint64()), "'x' holds whole numbers beyond 64 bits"),
        (pa.array([10**17], pa.timestamp("ms")), "'x' holds"),
        (pa.array([10**18 * 2], pa.timestamp("us")), "'x' holds dates outside"),
    ],
)
def test_what_does_not_fit_is_refused_by_column(read: Reader, array: pa.Array, problem: str) -> None:
    with pytest.raises(DatasetUnreadable) as caught:
        read(_file(pa.table({"x": array})))
    assert problem in caught.value.detail


def test_nanoseconds_are_cut_and_said(read: Reader) -> None:
    made = read(_file(pa.table({"x": pa.array([1_999, 5_000], pa.timestamp("ns"))}), version="2.6"))
    assert [value.microsecond for value in made.values("x")] == [1, 5]
    assert made.notes == ["Column 'x': times were cut to whole microseconds."]


def test_long_decimals_are_said(read: Reader) -> None:
    made = read(_file(pa.table({"x": pa.array([Decimal("1.2")], pa.decimal128(30, 5))})))
    assert any("decimals of 30 digits" in note for note in made.notes)


def test_names_are_judged_as_in_text(read: Reader) -> None:
    made = read(_file(pa.table([[1], [2], [3]], ["a", "a.b", ""])))
    assert made.names == ["a", "a.b", "column_3"]
    assert [made.values(name) for name in made.names] == [[1], [2], [3]]
    with pytest.raises(DatasetUnreadable, match=r"'a' \(2 times\)"):
        read(_file(pa.table([[1], [2]], ["a", "a"])))


def test_no_rows(read: Reader) -> None:
    with pytest.raises(DatasetUnreadable, match="no rows"):
        read(_file(pa.table({"x": pa.array([], pa.int64())})))


def test_damage_is_found_wherever_it_is(read: Reader) -> None:
    whole = _file(pa.table({"x": list(range(100_000)), "y": [str(i) for i in range(100_000)]}))
    for start in range(4, len(whole), len(whole) // 12):
        damaged = whole[:start] + bytes(b ^ 0x5A for b in whole[start : start + 64]) + whole[start + 64 :]
        try:
            read(damaged)
        except (DatasetUnreadable, TooLarge) as error:
            assert error.detail  # noqa: PT017 - damage in a value may pass as another value
    with pytest.raises(DatasetUnreadable, match="damaged"):
        read(whole[: len(whole) // 2])


def test_a_few_bytes_that_stand_for_very_much_text(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_types, "MAX_BATCH", limits.MEGABYTE)
    small = _file(pa.table({"x": pa.DictionaryArray.from_arrays(pa.array([0] * 100_000), ["x" * 1000])}))
    assert len(small) < 20_000
    with pytest.raises(TooLarge, match="'x' holds more than 1 MB of text in a few rows"):
        read(small)


def test_values_too_long_and_tables_too_large(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetUnreadable, match="'x' is longer"):
        read(_file(pa.table({"x": ["y" * (limits.MAX_CELL + 1)]})))
    table = _file(pa.table({"x": list(range(1000))}))
    monkeypatch.setattr(parquet, "MAX_PARQUET", 100)
    with pytest.raises(TooLarge, match="unpacks to more"):
        read(table)
    monkeypatch.setattr(limits, "MAX_ROWS", 999)
    with pytest.raises(TooLarge, match="more than 999 rows"):
        read(table)
