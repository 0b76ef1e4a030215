"""Decimal marks and thousands: read where they are certain, left as text where they are not."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.datasets.conftest import Reader

Column = Callable[..., tuple[str, list[Any], list[str]]]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1,5", "2,25", "3"], [1.5, 2.25, 3.0]),
        (["0,125", "1,234"], [0.125, 1.234]),
        (["1,5e3", ",5"], [1500.0, 0.5]),
        (["1,234,567", "1,234"], [1234567.0, 1234.0]),
        (["1,234.5", "12"], [1234.5, 12.0]),
        (["1,234", "12.5"], [1234.0, 12.5]),
        (["1.234.567", "1.234"], [1234567.0, 1234.0]),
        (["1.234,5", "950"], [1234.5, 950.0]),
        (["1.234", "0,5"], [1234.0, 0.5]),
        (["-1.234,50", "+2.000,00"], [-1234.5, 2000.0]),
    ],
)
def test_certain_marks_are_read_and_said(column: Column, texts: list[str], values: list[float]) -> None:
    kind, got, notes = column(*texts)
    assert (kind, got) == ("number", values)
    assert any("'x' was read as numbers with" in note for note in notes)


def test_commas_that_can_be_thousands_or_decimals_stay_text(column: Column) -> None:
    kind, values, notes = column("1,234", "5,678", "12")
    assert (kind, values) == ("category", ["1,234", "5,678", "12"])
    assert any("thousands or decimals" in note and "'1,234' (row 1)" in note for note in notes)


@pytest.mark.parametrize(
    ("texts", "decimal", "values"),
    [
        (["1,234", "12"], ",", [1.234, 12.0]),
        (["1,234", "12"], ".", [1234.0, 12.0]),
        (["1.234", "12"], ",", [1234.0, 12.0]),
        (["1.234", "12"], ".", [1.234, 12.0]),
    ],
)
def test_a_person_can_settle_it(column: Column, texts: list[str], decimal: str, values: list[float]) -> None:
    assert column(*texts, decimal=decimal)[:2] == ("number", values)


@pytest.mark.parametrize(
    ("other", "kind", "value"),
    [("0,5", "number", 1.234), ("0.5", "number", 1234.0), ("word", "category", "1,234")],
)
def test_other_columns_can_settle_a_comma(read: Reader, other: str, kind: str, value: Any) -> None:
    made = read(f"x;y\n1,234;{other}\n5,678;{other}\n")
    assert (made.kinds["x"], made.values("x")[0]) == (kind, value)


def test_points_beside_decimal_commas_stay_text(read: Reader) -> None:
    made = read("x;y\n1.234;0,5\n5.678;1,5\n")
    assert made.kinds == {"x": "category", "y": "number"}
    assert any("'x' is kept as text" in note for note in made.notes)


def test_points_alone_are_decimals(column: Column) -> None:
    assert column("1.234", "5.678")[:2] == ("number", [1.234, 5.678])


@pytest.mark.parametrize(
    "text", ["1 234", "1'234", "12,34,567", "1,23.4", "1.2.3", "$5", "50%", "1,234,567,890,123,456"]
)
def test_other_marks_stay_text(column: Column, text: str) -> None:
    assert column(text)[:2] == ("category", [text])


def test_quoted_decimal_commas_in_a_comma_delimited_file(read: Reader) -> None:
    made = read('a,b\n"1,5",2\n"2,75",3\n')
    assert (made.kinds["a"], made.values("a")) == ("number", [1.5, 2.75])


def test_spaces_after_the_comma(read: Reader) -> None:
    made = read("a, b, c\n1, 2.5, x\n2, , y\n")
    assert made.kinds == {"a": "integer", "b": "number", "c": "category"}
    assert made.values("b") == [2.5, None]


def test_a_few_words_among_numbers_are_named(column: Column) -> None:
    kind, _, notes = column(*(str(i) for i in range(50)), "12 cm", *(str(i) for i in range(50)))
    assert kind == "text"
    assert any("nearly all of its values are numbers" in note and "'12 cm' (row 51)" in note for note in notes)
