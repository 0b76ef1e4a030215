"""What goes in comes out, bit for bit, whatever the values."""

import contextlib
import csv
import io
import math
import struct

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.datasets.forms import MISSING
from backend.errors import SignetError
from tests.datasets.conftest import Reader

QUICK = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MISSING_WORDS = set(MISSING.to_pylist())

numbers = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x != int(x) or abs(x) >= 2**53)
whole = st.integers(-(10**15) + 1, 10**15 - 1)
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.text(letters, min_size=1, max_size=30).map(lambda text: f"[{text}]")


def _write(rows: list[list[str]], delimiter: str, line_end: str, quoting: int) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)
    return file.getvalue()


@QUICK
@given(
    st.lists(st.one_of(st.none(), numbers), min_size=1, max_size=30).filter(lambda row: any(x is not None for x in row))
)
def test_numbers_are_bit_equal(read: Reader, values: list[float | None]) -> None:
    made = read("w;x\n" + "".join(f"v;{'' if value is None else repr(value)}\n" for value in values))
    bits = [None if value is None else struct.pack("<d", value) for value in values]
    assert made.kinds["x"] == "number"
    assert [None if value is None else struct.pack("<d", value) for value in made.values("x")] == bits


@QUICK
@given(
    st.lists(st.one_of(st.none(), whole), min_size=1, max_size=30).filter(lambda row: any(x is not None for x in row))
)
def test_whole_numbers_are_equal(read: Reader, values: list[int | None]) -> None:
    made = read("w;x\n" + "".join(f"v;{'' if value is None else value}\n" for value in values))
    assert (made.kinds["x"], made.values("x")) == ("integer", values)


@QUICK
@given(
    st.lists(st.tuples(texts, texts), min_size=1, max_size=20),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_texts_are_equal(
    read: Reader, rows: list[tuple[str, str]], delimiter: str, line_end: str, quoting: int
) -> None:
    if any("\r" in cell for row in rows for cell in row):  # which the writer leaves without quotes
        quoting = csv.QUOTE_ALL
    made = read(_write([["a", "b"], *map(list, rows)], delimiter, line_end, quoting), delimiter=delimiter)
    assert list(zip(made.values("a"), made.values("b"), strict=True)) == rows


@QUICK
@given(st.lists(st.text(letters, max_size=8), min_size=1, max_size=12))
def test_no_value_changes_unless_it_is_read_as_a_number_or_date(read: Reader, words: list[str]) -> None:
    made = read(_write([["a", "b"], *([word, "v"] for word in words)], ",", "\n", csv.QUOTE_ALL), header=True)
    for word, value in zip(words, made.values("a"), strict=True):
        if isinstance(value, str):
            assert value == word.strip()
        elif value is None:
            assert word.strip() in MISSING_WORDS or made.notes
        elif isinstance(value, float | int) and not isinstance(value, bool) and not made.notes:
            assert math.isclose(value, float(word))


@QUICK
@given(st.text(st.sampled_from('ab,"\n\r '), min_size=1, max_size=40))
def test_quotes_are_read_as_a_strict_reader_reads_them(read: Reader, text: str) -> None:
    made = None
    with contextlib.suppress(SignetError):
        made = read(f"h,i\n{text}", delimiter=",", header=True)
    rows = csv.reader(io.StringIO(f"h,i\n{text}", newline=""), strict=True, skipinitialspace=True)
    with contextlib.suppress(csv.Error):
        strict = [[cell.strip() or None for cell in row] for row in rows]
        if made is not None:
            read_rows = zip(*(made.values(name) for name in made.names), strict=True)
            assert list(map(list, read_rows)) == [row for row in strict[1:] if any(row)]


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else_happens(read: Reader, content: bytes) -> None:
    with contextlib.suppress(SignetError):
        read(content or b"x", header=False)
