"""Types are decided over the whole file, and no value changes in silence."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.datasets.conftest import Reader

Column = Callable[..., tuple[str, list[Any], list[str]]]


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["1", "2", "-3"], "integer", [1, 2, -3]),
        (["+5", "0", "999999999999999"], "integer", [5, 0, 999999999999999]),
        (["1", "", "3"], "integer", [1, None, 3]),
        (["0", "1", "0"], "integer", [0, 1, 0]),
        (["1", "2.5"], "number", [1.0, 2.5]),
        (["-0", "+.5", "1.", "1e-7", "1E+05", "-1.5e300"], "number", [-0.0, 0.5, 1.0, 1e-7, 1e5, -1.5e300]),
        (["0.1234567890123456789", "2"], "number", [0.1234567890123456789, 2.0]),
        (["9007199254740992.0", "1"], "number", [9007199254740992.0, 1.0]),
        (["  12", "7  ", "\t3"], "integer", [12, 7, 3]),
        (["true", "False", "TRUE"], "boolean", [True, False, True]),
        (["yes", "no", "yes"], "category", ["yes", "no", "yes"]),
        (["t", "f"], "category", ["t", "f"]),
        (["true", "1"], "category", ["true", "1"]),
        (["2020-01-02", "2020-02-29"], "datetime", [datetime(2020, 1, 2), datetime(2020, 2, 29)]),  # noqa: DTZ001
        (["20200102", "20200103"], "integer", [20200102, 20200103]),
        (["10:30", "11:00"], "category", ["10:30", "11:00"]),
        (["0x10", "0x11"], "category", ["0x10", "0x11"]),
        (["1_000", "2_000"], "category", ["1_000", "2_000"]),
        (["\u0661", "\u0662"], "category", ["\u0661", "\u0662"]),
        (["5 kg", "6 kg"], "category", ["5 kg", "6 kg"]),
        (["a", "B", "ü"], "category", ["a", "B", "ü"]),
    ],
)
def test_a_column_has_the_kind_of_all_its_values(
    column: Column, texts: list[str], kind: str, values: list[Any]
) -> None:
    found, got, _ = column(*texts)
    assert (found, list(map(repr, got))) == (kind, list(map(repr, values)))


@pytest.mark.parametrize(
    "identifier", ["00123", "-07", "12345678901234567890", "1234567890123456", "+491701234567", "00"]
)
def test_digits_that_a_number_would_lose_stay_text(column: Column, identifier: str) -> None:
    kind, values, notes = column("17", identifier, "42")
    assert (kind, values) == ("category", ["17", identifier, "42"])
    assert any("lose digits" in note and repr(identifier) in note and "row 2" in note for note in notes)


@pytest.mark.parametrize(
    "word", ["", "?", "NA", "n/a", "N/A", "#N/A", "NaN", "nan", "NULL", "Null", "None", "nOnE", "NaT"]
)
def test_words_for_missing_are_missing_in_every_kind_of_column(column: Column, word: str) -> None:
    assert column("1", word)[:2] == ("integer", [1, None])
    assert column("1.5", f" {word} ")[:2] == ("number", [1.5, None])
    assert column("red", word)[:2] == ("category", ["red", None])
    assert column("2020-01-01", word)[0] == "datetime"
    assert column("true", word)[:2] == ("boolean", [True, None])
    assert column("red", f'"{word}"')[:2] == ("category", ["red", None])


@pytest.mark.parametrize("dash", ["-", "--", "n.a.", "#DIV/0!", ".", "\u2013"])
def test_a_dash_is_missing_among_numbers_and_a_value_among_words(column: Column, dash: str) -> None:
    kind, values, notes = column("1", dash, "2.5", "3.5")
    assert (kind, values) == ("number", [1.0, None, 2.5, 3.5])
    assert any("read as missing" in note and "row 2" in note for note in notes)
    assert column("+", dash, "+", dash)[:2] == ("category", ["+", dash, "+", dash])
    assert column("2020-01-01", dash)[:2] == ("datetime", [datetime(2020, 1, 1), None])  # noqa: DTZ001


def test_a_late_value_decides(read: Reader) -> None:
    numbers = "\n".join(f"{i},{i}" for i in range(300_000))
    made = read(f"a,b\n{numbers}\n300000,late\n")
    assert made.kinds == {"a": "integer", "b": "text"}
    assert made.values("b")[-2:] == ["299999", "late"]
    assert any("'b'" in note and "'late' (row 300,001)" in note and "1 of 300,001" in note for note in made.notes)


def test_infinite_numbers_are_missing_and_said(column: Column) -> None:
    kind, values, notes = column("1.5", "inf", "-Infinity", "1e999", "2")
    assert (kind, values) == ("number", [1.5, None, None, None, 2.0])
    assert any("3 infinite" in note for note in notes)
    assert column("1", "inf", "2")[:2] == ("number", [1.0, None, 2.0])


def test_few_words_are_categories_and_many_are_text(read: Reader) -> None:
    def kind(different: int, rows: int) -> str:
        return read("w,n\n" + "".join(f"v{i % different},1\n" for i in range(rows))).kinds["w"]

    assert kind(10, 10) == "category"
    assert kind(11, 21) == "text"
    assert kind(11, 22) == "category"
    assert kind(51, 51) == "text"
    assert kind(51, 101) == "text"
    assert kind(51, 102) == "category"
    assert kind(200, 400) == "category"
    assert kind(201, 2010) == "text"


def test_a_column_without_values_is_text_and_said(column: Column) -> None:
    kind, values, notes = column("", "NA", "?")
    assert (kind, values) == ("text", [None, None, None])
    assert any("holds no values" in note for note in notes)


def test_zones_are_kept_as_utc(column: Column) -> None:
    kind, values, _ = column("2020-06-01T12:00:00Z", "2020-06-01T12:00:00.25+02:00", "2020-06-01 12:00-0530")
    assert kind == "datetime"
    assert values == [
        datetime(2020, 6, 1, 12, tzinfo=UTC),
        datetime(2020, 6, 1, 10, 0, 0, 250_000, tzinfo=UTC),
        datetime(2020, 6, 1, 17, 30, tzinfo=UTC),
    ]
