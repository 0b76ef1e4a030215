"""Dates in the ways people write them; what can be read two ways is not read."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

Column = Callable[..., tuple[str, list[Any], list[str]]]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2024-05-31 07:08", "2024-05-31T07:08:09.5"], ["2024-05-31 07:08:00", "2024-05-31 07:08:09.500000"]),
        (["2024/5/31", "2024/12/01 9:05"], ["2024-05-31 00:00:00", "2024-12-01 09:05:00"]),
        (["31.5.2024", "01.02.2024 23:59:58"], ["2024-05-31 00:00:00", "2024-02-01 23:59:58"]),
        (["31/5/2024", "01/02/2024"], ["2024-05-31 00:00:00", "2024-02-01 00:00:00"]),
        (["5/31/2024", "01/02/2024"], ["2024-05-31 00:00:00", "2024-01-02 00:00:00"]),
        (["31-05-2024", "1-2-2024"], ["2024-05-31 00:00:00", "2024-02-01 00:00:00"]),
        (
            ["5/31/2024 1:02 PM", "1/2/2024 12:30 AM", "1/2/2024 12:30:01 pm", "1/2/2024 11:00 AM"],
            ["2024-05-31 13:02:00", "2024-01-02 00:30:00", "2024-01-02 12:30:01", "2024-01-02 11:00:00"],
        ),
        (
            ["31 May 2024", "1-Sep-2024", "02 december 2024"],
            ["2024-05-31 00:00:00", "2024-09-01 00:00:00", "2024-12-02 00:00:00"],
        ),
        (["May 31, 2024", "Sept. 1 2024"], ["2024-05-31 00:00:00", "2024-09-01 00:00:00"]),
        (["0001-01-01", "9999-12-31T23:59:59.999999"], ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"]),
    ],
)
def test_dates_of_one_form_are_dates(column: Column, texts: list[str], expected: list[str]) -> None:
    kind, values, notes = column(*texts, "")
    assert (kind, [str(value) for value in values[:-1]], values[-1]) == ("datetime", expected, None)
    assert notes == []


def test_a_day_or_month_that_nothing_settles_stays_text(column: Column) -> None:
    kind, values, notes = column("01/02/2024", "03/04/2024")
    assert (kind, values) == ("category", ["01/02/2024", "03/04/2024"])
    assert any("day_first" in note and "'01/02/2024' (row 1)" in note for note in notes)


@pytest.mark.parametrize(("day_first", "month"), [(True, 2), (False, 1)])
def test_a_person_can_settle_it(column: Column, day_first: bool, month: int) -> None:  # noqa: FBT001
    kind, values, _ = column("01/02/2024", "03/04/2024", day_first=day_first)
    assert (kind, values[0].month) == ("datetime", month)


def test_evidence_is_stronger_than_what_a_person_said(column: Column) -> None:
    assert column("05/31/2024", "01/02/2024", day_first=True)[1][1] == datetime(2024, 1, 2)  # noqa: DTZ001


@pytest.mark.parametrize(
    "texts",
    [
        ["31/05/2024", "05/31/2024"],
        ["2024-05-31", "31.05.2024"],
        ["2024-05-31T10:00:00", "2024-05-31T10:00:00Z"],
        ["2024-05-31", "01/02/2024"],
    ],
)
def test_dates_in_two_forms_stay_text_and_both_are_shown(column: Column, texts: list[str]) -> None:
    kind, values, notes = column(*texts)
    assert (kind, values) == ("category", texts)
    assert any(texts[0] in note and texts[1] in note and "more than one way" in note for note in notes)


@pytest.mark.parametrize("never", ["2023-02-29", "2023-06-31", "2023-01-01T24:00:00", "0000-01-01"])
def test_a_day_that_never_was_is_no_date_and_is_named(column: Column, never: str) -> None:
    texts = ["2024-05-31"] * 20 + [never] + ["2024-06-01"] * 20
    kind, values, notes = column(*texts)
    assert (kind, values) == ("category", texts)
    assert any("nearly all of its values are dates" in note and f"'{never}' (row 21)" in note for note in notes)


def test_an_impossible_day_among_slashed_dates_is_found(column: Column) -> None:
    assert column("31/05/2024", "30/02/2024")[0] == "category"


@pytest.mark.parametrize("text", ["31/05/24", "2024-05", "2024-W22", "2024-05-31T10:00:00.1234567", "31/5-24"])
def test_short_and_strange_dates_stay_text(column: Column, text: str) -> None:
    assert column(text)[:2] == ("category", [text])
