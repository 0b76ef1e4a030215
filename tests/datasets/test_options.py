"""Options are said in words and refused where they mean nothing."""

import pytest

from backend.datasets.options import ReadOptions
from backend.errors import Invalid


def test_words_of_a_form() -> None:
    said = {
        "header": "False",
        "delimiter": "tab",
        "encoding": "Windows-1252",
        "sheet": "Data",
        "decimal": ",",
        "day_first": "true",
    }
    options = ReadOptions.from_text(said)
    assert options == ReadOptions(
        header=False, delimiter="\t", encoding="cp1252", sheet="Data", decimal=",", day_first=True
    )
    assert ReadOptions(**options.to_json()) == options


def test_empty_words_are_not_given() -> None:
    assert ReadOptions.from_text({"header": "", "sheet": ""}) == ReadOptions()
    assert ReadOptions().to_json() == {}


@pytest.mark.parametrize(
    "words",
    [
        {"header": "maybe"},
        {"day_first": "1"},
        {"delimiter": "x"},
        {"delimiter": '"'},
        {"decimal": "'"},
        {"decimal": ",", "delimiter": ","},
        {"encoding": "rot13"},
        {"encoding": "zlib"},
        {"encoding": "../x"},
        {"encoding": "a\0b"},
        {"heading": "true"},
    ],
)
def test_what_means_nothing_is_refused(words: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        ReadOptions.from_text(words)
