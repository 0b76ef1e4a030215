"""Rows become the same matrix from JSON as from Arrow, and no value changes without a word."""

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.algorithms.column_encoding import ColumnEncoder
from backend.algorithms.encoding import RowEncoder, encode_rows, encode_table
from backend.algorithms.signature import Column
from backend.errors import FieldProblem, InvalidFields

COLUMNS = (
    Column("n", "number", missing=True),
    Column("i", "integer", missing=True),
    Column("b", "boolean", missing=True),
    Column("c", "category", ("x", "y"), missing=True),
    Column("t", "datetime", missing=True),
)
STRICT = tuple(Column(column.name, column.kind, column.categories) for column in COLUMNS)
GOOD: list[Any] = [1.5, 3, True, "y", "2024-02-29T12:34:56.5Z"]
ARROW = pa.schema(
    [("n", pa.float64()), ("i", pa.int64()), ("b", pa.bool_()), ("c", pa.string()), ("t", pa.timestamp("us", "UTC"))]
)


def problems(rows: Any, columns: tuple[Column, ...] = STRICT) -> list[FieldProblem]:
    with pytest.raises(InvalidFields) as caught:
        encode_rows(columns, rows)
    return list(caught.value.problems)


def arrow(rows: list[list[Any]]) -> pa.Table:
    def moment(text: str | None) -> dt.datetime | None:
        if text is None:
            return None
        parsed = dt.datetime.fromisoformat(text)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)

    named = [dict(zip("nibct", [*row[:4], moment(row[4])], strict=True)) for row in rows]
    return pa.Table.from_pylist(named, schema=ARROW)


def test_each_kind_becomes_the_numbers_it_stands_for() -> None:
    assert encode_rows(COLUMNS, [GOOD]).tolist() == [[1.5, 3, 1, 1, 2024, 2, 29, 3, 12, 1709210096.5]]


def test_named_rows_equal_positional_rows_in_any_order() -> None:
    named = dict(reversed(list(zip("nibct", GOOD, strict=True))))
    assert encode_rows(COLUMNS, [named, GOOD])[0].tolist() == encode_rows(COLUMNS, [GOOD])[0].tolist()


def test_missing_is_nan_where_training_saw_missing_values() -> None:
    assert np.isnan(encode_rows(COLUMNS, [[None] * 5, [math.nan] * 5])).all()


def test_an_unknown_category_is_missing_even_where_null_is_not_allowed() -> None:
    assert np.isnan(encode_rows(STRICT, [[*GOOD[:3], "z", GOOD[4]]])[0, 3])


def test_a_date_alone_is_its_midnight_and_a_zone_is_converted_to_utc() -> None:
    column = (Column("t", "datetime"),)
    assert encode_rows(column, [["2026-01-31"]]).tolist() == encode_rows(column, [["2026-01-31T00:00:00Z"]]).tolist()
    east = encode_rows(column, [["2026-01-31T00:30:00+02:00"]])
    assert east.tolist() == encode_rows(column, [["2026-01-30T22:30:00"]]).tolist()


@pytest.mark.parametrize(
    ("position", "value", "said"),
    [
        (0, "1.5", "number"),
        (0, True, "number"),
        (0, math.inf, "finite"),
        (0, -math.inf, "finite"),
        (0, None, "null"),
        (0, math.nan, "null"),
        (0, np.float64(1.5), "number"),
        (0, 2**53 + 1, "2**53"),
        (0, [1.5], "number"),
        (1, 1.7, "whole"),
        (1, "1", "whole"),
        (1, True, "whole"),
        (1, np.int64(1), "whole"),
        (1, 2**53 + 1, "2**53"),
        (1, -(2**53) - 1, "2**53"),
        (1, 1e300, "2**53"),
        (1, math.inf, "whole"),
        (2, 1, "true"),
        (2, "true", "true"),
        (2, np.True_, "true"),
        (3, 1, "text"),
        (3, True, "text"),
        (3, None, "null"),
        (3, {}, "text"),
        (4, "yesterday", "ISO 8601"),
        (4, 1709210096, "ISO 8601"),
        (4, "0001-01-01T00:00:00+23:59", "ISO 8601"),
        (4, "", "ISO 8601"),
    ],
)
def test_a_value_that_would_have_to_be_changed_is_refused_by_field(position: int, value: Any, said: str) -> None:
    row = [*GOOD]
    row[position] = value
    [problem] = problems([row])
    assert (problem.field, problem.row) == ("nibct"[position], None)
    assert said in problem.problem
    assert problems([GOOD, dict(zip("nibct", row, strict=True))]) == [FieldProblem(problem.field, problem.problem, 1)]


def test_a_whole_float_is_an_integer_and_the_limits_are_exact() -> None:
    column = (Column("i", "integer"),)
    assert encode_rows(column, [[5.0], [2**53], [-(2**53)]]).tolist() == [[5.0], [2.0**53], [-(2.0**53)]]


def test_rows_that_are_no_rows_are_refused() -> None:
    assert [problem.field for problem in problems([5])] == ["features"]
    assert [problem.field for problem in problems(["abcde"])] == ["features"]
    [ragged] = problems([GOOD, GOOD[:3]])
    assert (ragged.field, ragged.row) == ("features", 1)
    assert "3 values where the model takes 5: n, i, b, c, t" in ragged.problem


def test_missing_and_unknown_fields_are_all_named() -> None:
    row = {"n": 1.0, "q": 3, "c": 5, "i": 1, "b": True}
    found = {(problem.field, problem.problem) for problem in problems([row])}
    assert found == {
        ("t", "is missing"),
        ("q", "is not a field of this model"),
        ("c", "is not text, and this is a category"),
    }


def test_every_problem_is_told_up_to_a_bound() -> None:
    assert len(problems([["a", 1.7, 1, 5, "yesterday"]] * 3)) == 15
    assert len(problems([["a", 1.7, 1, 5, "yesterday"]] * 3000)) == 20


def test_what_was_sent_is_not_repeated() -> None:
    told = problems([["secret", "secret", "secret", 1, "secret"]])
    assert not any("secret" in problem.problem for problem in told)
    [unknown] = problems([{**dict(zip("nibct", GOOD, strict=True)), "u" * 5000: 1}])
    assert len(unknown.field) < 100


values = st.tuples(
    st.none() | st.floats(allow_infinity=False),
    st.none() | st.integers(-(2**53), 2**53),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(["x", "y", "unseen", ""]),
    st.none() | st.datetimes(timezones=st.none() | st.just(dt.UTC)).map(lambda moment: moment.isoformat()),
)


@given(st.lists(values.map(list), max_size=8))
@settings(max_examples=150, deadline=None)
def test_arrow_and_json_give_the_same_bits(rows: list[list[Any]]) -> None:
    from_rows = encode_rows(COLUMNS, rows)
    from_table = encode_table(COLUMNS, arrow(rows))
    assert from_rows.shape == from_table.shape == (len(rows), 10)
    assert from_rows.tobytes() == from_table.tobytes()


def test_arrow_in_other_shapes_gives_the_same() -> None:
    rows = [GOOD, [None] * 5, [-0.5, -7, False, "z", "1969-12-31T23:59:59.999999Z"]]
    table = arrow(rows)
    expected = encode_table(COLUMNS, table).tobytes()
    dictionary = table.set_column(3, "c", table["c"].dictionary_encode())
    zoned = table.set_column(4, "t", table["t"].cast(pa.timestamp("us", "America/New_York")))
    naive = table.set_column(4, "t", table["t"].cast(pa.timestamp("us")))
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    wider = table.append_column("target", pa.array([1, 2, 3]))
    floats = table.set_column(1, "i", table["i"].cast(pa.float64()))
    for other in (dictionary, zoned, naive, chunked, wider, floats, table.select(list("tcbin"))):
        assert encode_table(COLUMNS, other).tobytes() == expected


@pytest.mark.parametrize(
    ("name", "array", "said", "row"),
    [
        ("n", pa.array(["1", "2"]), "numbers", None),
        ("n", pa.array([True, False]), "numbers", None),
        ("n", pa.array([1.0, math.inf]), "finite", 1),
        ("n", pa.array([1.0, None]), "missing", 1),
        ("n", pa.array([math.nan, 1.0]), "missing", 0),
        ("i", pa.array([1.0, 1.5]), "whole", 1),
        ("i", pa.array([1, 2**53 + 1]), "2**53", 1),
        ("i", pa.array([1, 2**63], pa.uint64()), "2**53", 1),
        ("i", pa.array([1.0, 2.0**60]), "2**53", 1),
        ("b", pa.array([0, 1]), "true", None),
        ("c", pa.array([0, 1]), "text", None),
        ("c", pa.array(["x", None]), "missing", 1),
        ("t", pa.array(["2026-01-31", "x"]), "dates", None),
    ],
)
def test_arrow_values_that_do_not_fit_are_refused(name: str, array: pa.Array, said: str, row: int | None) -> None:
    table = arrow([GOOD, GOOD])
    table = table.set_column("nibct".index(name), name, array)
    with pytest.raises(InvalidFields) as caught:
        encode_table(STRICT, table)
    [problem] = caught.value.problems
    assert (problem.field, problem.row) == (name, row)
    assert said in problem.problem


def test_every_absent_arrow_column_is_named() -> None:
    with pytest.raises(InvalidFields) as caught:
        encode_table(STRICT, arrow([GOOD]).select(["n", "b", "c"]))
    assert [problem.field for problem in caught.value.problems] == ["i", "t"]


def test_no_rows_make_an_empty_matrix() -> None:
    assert RowEncoder(COLUMNS).encode([]).shape == (0, 10)
    assert encode_table(COLUMNS, arrow([])).shape == (0, 10)


NUMBERS = (Column("a", "number"), Column("b", "integer", missing=True), Column("c", "number", missing=True))
FITTING = st.tuples(
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53) | st.sampled_from([-0.0, 1e300]),
    st.none() | st.integers(-(2**53), 2**53) | st.integers(-9, 9).map(float) | st.just(-0.0),
    st.none() | st.floats(allow_infinity=False),
)
ODD = st.sampled_from(
    [None, True, "1", 0.5, 2**53 + 1, -(2**53) - 1, 10**400, float("inf"), [1.0], 2.0**53 + 2, float("nan")]
)


@given(
    st.lists(FITTING, min_size=16, max_size=40),
    st.none() | st.tuples(st.integers(0, 15), st.integers(0, 2), ODD),
    st.sampled_from(["lists", "objects", "columns"]),
)
@settings(deadline=None, max_examples=300)
def test_many_numbers_at_once_are_those_of_each_row_alone(
    rows: list[tuple[Any, ...]], odd: tuple[int, int, Any] | None, form: str
) -> None:
    table = [list(row) for row in rows]
    if odd is not None:
        table[odd[0]][odd[1]] = odd[2]
    encoder = RowEncoder(NUMBERS)

    def alone() -> bytes:
        return b"".join(encoder.encode([row]).tobytes() for row in table)

    def together() -> bytes:
        if form == "columns":
            columns = dict(zip("abc", map(list, zip(*table, strict=True)), strict=True))
            return ColumnEncoder(NUMBERS).encode(columns).tobytes()
        given_rows = table if form == "lists" else [dict(zip("abc", row, strict=True)) for row in table]
        return encoder.encode(given_rows).tobytes()

    try:
        expected = alone()
    except InvalidFields as refusal:
        fields = [problem.field for problem in refusal.problems]
        with pytest.raises(InvalidFields) as refused:
            together()
        assert [problem.field for problem in refused.value.problems] == fields
    else:
        assert together() == expected


@pytest.mark.parametrize(
    "change", [lambda row: row[:-1], lambda row: [*row, 1.0], lambda row: 3.0, lambda row: {"a": 1.0}, lambda row: None]
)
def test_among_many_rows_one_of_another_form_is_named(change: Callable[[list[float]], Any]) -> None:
    rows: list[Any] = [[1.0, 2, 3.0] for _ in range(30)]
    rows[17] = change(rows[17])
    with pytest.raises(InvalidFields) as refusal:
        RowEncoder(NUMBERS).encode(rows)
    assert {problem.row for problem in refusal.value.problems} == {17}


CELLS_OF_ALL_KINDS = st.one_of(
    st.floats(), st.integers(), st.sampled_from([2**53, 2**53 + 1, -(2**53), 10**400, None, True, "1", 1e308, -0.0])
)


@given(st.lists(CELLS_OF_ALL_KINDS, max_size=4), st.booleans())
def test_a_row_of_numbers_is_what_its_matrix_is(row: list[Any], by_name: bool) -> None:  # noqa: FBT001 - drawn
    """Read without a matrix, or left to the one way that knows reasons."""
    encoder = RowEncoder([Column("a", "number"), Column("b", "number", missing=True), Column("c", "number")])
    given_row = dict(zip("abc", row, strict=False)) if by_name else row
    found = encoder.find_numbers(given_row)
    if found is not None:
        assert np.array(found, dtype=np.float64).tobytes() == encoder.encode([given_row]).tobytes()


def test_rows_of_other_kinds_are_left_to_the_matrix() -> None:
    columns = [Column("a", "number"), Column("b", "number")]
    assert RowEncoder(columns).find_numbers([1, 2.5]) == [1, 2.5]
    assert RowEncoder(columns).find_numbers({"b": 1.5, "a": 2}) == [2, 1.5]
    for row in (
        [1.0],
        [1.0, None],
        [1.0, True],
        [1.0, "2"],
        [1.0, float("inf")],
        {"a": 1.0},
        {"a": 1.0, "b": 2.0, "c": 3.0},
    ):
        assert RowEncoder(columns).find_numbers(row) is None  # type: ignore[arg-type]
    assert RowEncoder([*columns, Column("c", "integer")]).find_numbers([1.0, 2.0, 3]) is None
