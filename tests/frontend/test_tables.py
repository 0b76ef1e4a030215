"""Files of rows: how they are read, and what is said of those that cannot be."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.datasets.forms import MISSING_WORDS
from frontend import tables
from frontend.tables import TableUnreadable, model_rows, read_table

PROPERTIES = {
    "pclass": {"type": "integer"},
    "sex": {"type": "string", "examples": ["female", "male"]},
    "age": {"type": ["number", "null"]},
    "alone": {"type": "boolean"},
}
GOOD = 'name,pclass,sex,age,alone\n"Doe, J",3,male,22.5,TRUE\nRoe,1,female,,false\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def test_cells_become_the_values_that_the_model_takes(path: Path) -> None:
    path.write_text(GOOD)
    table = read_table(path)
    assert table.rows[0][0] == "Doe, J"
    assert model_rows(table, PROPERTIES) == [
        {"pclass": 3, "sex": "male", "age": 22.5, "alone": True},
        {"pclass": 1, "sex": "female", "age": None, "alone": False},
    ]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_other_delimiters_and_encodings(path: Path, delimiter: str, encoding: str) -> None:
    path.write_bytes(f'"größe, cm"{delimiter}x\r\n1{delimiter}ü\r\n'.encode(encoding))
    table = read_table(path)
    assert (table.names, table.rows) == (["größe, cm", "x"], [["1", "ü"]])
    assert bool(table.note) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1.7", 1.7), (" 4 ", 4), ("1e3", 1000.0), ("-.5", -0.5), ("1_000", "1_000"), ("3,5", "3,5"), ("inf", "inf"), ("many", "many")],
)  # fmt: skip
def test_what_is_no_number_stays_text_for_the_platform_to_refuse(path: Path, cell: str, value: object) -> None:
    path.write_text(f"age;x\n{cell};1\n")
    assert model_rows(read_table(path), {"age": {"type": "number"}}) == [{"age": value}]


def test_missing_is_what_it_is_in_a_dataset() -> None:
    assert {"", *(word.lower() for word in MISSING_WORDS)} == tables.MISSING_WORDS


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "header"),
        (b"a,b\n", "no row"),
        (b"a,b\n1,2\n1\n", "Row 2 has 1 values, the header has 2"),
        (b"a,a\n1,2\n", "'a' more than once"),
        (b'a,b\n1,"2', "Line 2"),
        (b"PAR1....", "damaged"),
        (b"PK\x03\x04...", "workbook"),
        (b"a,b\n\0,1\n", "bytes"),
        (b"a,b\n\x81,1\n", "UTF-8"),
    ],
)
def test_a_bad_file_is_explained(path: Path, content: bytes, text: str) -> None:
    path.write_bytes(content)
    with pytest.raises(TableUnreadable, match=text):
        read_table(path)


@pytest.mark.parametrize("limit", ["MOST_ROWS", "MOST_CELLS"])
def test_a_file_has_limits(path: Path, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("a\n1\n2\n3\n")
    monkeypatch.setattr(tables, limit, 2)
    with pytest.raises(TableUnreadable, match="more than 2"):
        read_table(path)


def test_a_parquet_file_is_read_as_the_same_values(path: Path) -> None:
    when = [datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC), None]
    columns = {"pclass": [3, 1], "sex": ["male", "fem,ale"], "age": [0.1, None], "alone": [True, False], "seen": when}
    pq.write_table(pa.table(columns), path)
    rows = model_rows(read_table(path), {**PROPERTIES, "seen": {"type": "string"}})
    assert rows == [
        {"pclass": 3, "sex": "male", "age": 0.1, "alone": True, "seen": "2026-01-31T12:00:00+00:00"},
        {"pclass": 1, "sex": "fem,ale", "age": None, "alone": False, "seen": None},
    ]
    assert list(path.parent.iterdir()) == [path]


def test_a_parquet_file_of_something_else_is_explained(path: Path) -> None:
    pq.write_table(pa.table({"lists": [[1, 2]]}), path)
    with pytest.raises(TableUnreadable, match="'lists' holds values that are neither"):
        read_table(path)


def test_a_parquet_file_cannot_take_the_memory_of_the_web_app(path: Path) -> None:
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), ["x" * 1_000_000])
    pq.write_table(pa.table({"big": repeated}), path, compression="zstd")
    assert path.stat().st_size < 1_000_000
    with pytest.raises(TableUnreadable, match="too"):
        read_table(path)
    assert list(path.parent.iterdir()) == [path]


def test_columns_that_lack_are_named(path: Path) -> None:
    path.write_text("pclass,sex\n1,male\n")
    with pytest.raises(TableUnreadable, match="lacks 'age', 'alone'; it has 'pclass', 'sex'"):
        model_rows(read_table(path), PROPERTIES)
