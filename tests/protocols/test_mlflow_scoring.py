"""MLflow's scoring protocol: its four JSON forms and CSV, and everything that MLflow itself would quietly change."""

import json
from typing import Any

import pytest

from backend.errors import InvalidFields, Malformed, SignetError, TooLarge, UnsupportedMediaType
from backend.protocols.csv_rows import parse_csv
from backend.protocols.mlflow_scoring import Question, media_type, parse_json_body

KINDS = {"n": "number", "i": "integer", "b": "boolean", "c": "category", "t": "datetime"}


def ask(body: object, max_rows: int = 10) -> Question:
    return parse_json_body(body if isinstance(body, bytes) else json.dumps(body).encode(), max_rows=max_rows)


def csv(text: str, max_rows: int = 10) -> dict[str, list[Any]]:
    return parse_csv(text.encode(), KINDS, max_rows=max_rows)


@pytest.mark.parametrize(
    ("body", "question"),
    [
        ({"dataframe_records": [{"a": 1}, {"a": None}]}, Question(rows=[{"a": 1}, {"a": None}])),
        ({"dataframe_split": {"columns": ["b", "a"], "data": [[1, 2], [3, 4]]}}, Question(columns={"b": [1, 3], "a": [2, 4]})),
        ({"dataframe_split": {"data": [[1, 2]]}}, Question(rows=[[1, 2]])),
        ({"dataframe_split": {"data": [[1]], "index": [7], "columns": ["a"]}}, Question(columns={"a": [1]})),
        ({"instances": [{"a": 1}]}, Question(rows=[{"a": 1}])),
        ({"instances": [[1, 2], [3, 4]]}, Question(rows=[[1, 2], [3, 4]])),
        ({"instances": [1, 2]}, Question(rows=[[1], [2]])),
        ({"inputs": {"a": [1, 2], "b": [3, 4]}}, Question(columns={"a": [1, 2], "b": [3, 4]})),
        ({"inputs": [[1, 2]]}, Question(rows=[[1, 2]])),
        ({"inputs": [[1, 2]], "params": {}}, Question(rows=[[1, 2]])),
    ],
)  # fmt: skip
def test_the_forms_of_json(body: object, question: Question) -> None:
    assert ask(body) == question


FORMS: dict[str, tuple[object, str]] = {
    "no form": ({}, "exactly one of .* it has 0"),
    "two forms": ({"instances": [[1]], "inputs": [[1]]}, "it has 2"),
    "an unknown key": ({"instances": [[1]], "signature_name": "x"}, "Unknown key 'signature_name'"),
    "a prompt": ({"prompt": "hello"}, "Unknown key 'prompt'"),
    "a list": ([[1]], "must be a JSON object"),
    "ragged rows": ({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3]]}}, "Row 1 has 1 values"),
    "a column twice": ({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, "'a' appears twice"),
    "columns that are no names": ({"dataframe_split": {"columns": [1], "data": [[1]]}}, "list of names"),
    "rows that are no lists": ({"dataframe_split": {"data": [1]}}, "each a list of values"),
    "split without data": ({"dataframe_split": {"columns": ["a"]}}, "'dataframe_split.data' must be"),
    "an unknown part": ({"dataframe_split": {"data": [[1]], "dtypes": {}}}, "must be an object with 'data'"),
    "an index of another length": ({"dataframe_split": {"data": [[1]], "index": [1, 2]}}, "one entry a row"),
    "records that are no objects": ({"dataframe_records": [[1]]}, "list of objects"),
    "no rows": ({"instances": []}, "no rows"),
    "columns of no rows": ({"inputs": {"a": []}}, "no rows"),
    "no columns": ({"inputs": {}}, "columns by name"),
    "columns that are no lists": ({"inputs": {"a": 1}}, "columns by name"),
    "params that are no object": ({"instances": [[1]], "params": [1]}, "'params' must be an object"),
    "a key twice": (b'{"instances": [[1]], "instances": [[2]]}', "appears twice"),
    "a key twice in a row": (b'{"dataframe_records": [{"a": 1, "a": 2}]}', "'a' appears twice"),
    "Infinity": (b'{"instances": [[Infinity]]}', "Infinity is not"),
    "a bomb": (b'{"instances": ' + b"[" * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize(("body", "reason"), FORMS.values(), ids=FORMS)
def test_a_body_of_no_form_is_refused(body: object, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        ask(body)


def test_columns_of_different_lengths_and_unknown_params_are_named() -> None:
    with pytest.raises(InvalidFields, match="'b' has 1 values where the first column has 2"):
        ask({"inputs": {"a": [1, 2], "b": [1]}})
    with pytest.raises(InvalidFields, match="'temperature' is not a parameter"):
        ask({"instances": [[1]], "params": {"temperature": 1}})


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[1]] * 3},
        {"inputs": [[1]] * 3},
        {"inputs": {"a": [1] * 3}},
        {"dataframe_split": {"data": [[1]] * 3}},
        {"dataframe_records": [{"a": 1}] * 3},
    ],
)
def test_too_many_rows_are_refused_in_every_form(body: object) -> None:
    with pytest.raises(TooLarge, match="2 that one request"):
        ask(body, max_rows=2)
    with pytest.raises(TooLarge):
        csv("n\n" + "1\n" * 3, max_rows=2)


def test_the_texts_of_a_csv_are_read_as_their_columns_are() -> None:
    table = csv('n,i,b,c,t\r\n0.1,7,True,7,2026-01-31\r\n-1e3,,false,,\r\nNaN,3.0,TRUE,"x,""y""",\r\n\r\n')
    assert table == {
        "n": [0.1, -1000.0, None],
        "i": [7, None, 3.0],
        "b": [True, False, True],
        "c": ["7", None, 'x,"y"'],
        "t": ["2026-01-31", None, None],
    }
    assert [type(value) for value in table["i"]] == [int, type(None), float]
    assert csv("\ufeffc\nx\n") == {"c": ["x"]}
    assert csv('c\n""\n') == {"c": [None]}


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "1,5",
        "1_000",
        " 1",
        "1 ",
        "0x10",
        "inf",
        "Infinity",
        "nan",
        "\u0661",
        "1e",
        "--1",
        "9" * 401,
        "1." + "0" * 400,
    ],
)
def test_what_is_no_number_stays_a_text_for_the_model_to_refuse(text: str) -> None:
    assert csv(f'n\n"{text}"\n') == {"n": [text]}


@pytest.mark.parametrize("text", ["1", "yes", "tRUE", "t", "0"])
def test_what_is_no_truth_value_stays_a_text(text: str) -> None:
    assert csv(f"b\n{text}\n") == {"b": [text]}


CSVS = {
    "nothing": ("", "no header"),
    "only a header": ("n\n", "no rows"),
    "an empty line": ("n,c\n1,a\n\n2,b\n", "Line 3 of the CSV is empty"),
    "a short row": ("n,c\n1,a\n2\n", "Row 1 has 1 values where there are 2"),
    "a long row": ("n\n1,2\n", "Row 0 has 2 values"),
    "a column twice": ("n,n\n1,2\n", "'n' appears twice"),
    "a quote that never closes": ('n\n"1\n', "cannot be read"),
    "something after a quote": ('n\n"1"2\n', "Line 2 of the CSV cannot be read"),
    "a huge field": ("c\n" + "x" * 200_000, "cannot be read"),
}


@pytest.mark.parametrize(("text", "reason"), CSVS.values(), ids=CSVS)
def test_a_csv_that_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        csv(text)


def test_another_encoding_is_refused() -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        parse_csv("c\né\n".encode("latin-1"), KINDS, max_rows=9)


def test_media_types() -> None:
    assert media_type("", {}) == media_type("application/json", {"charset": "UTF-8"}) == "application/json"
    assert media_type("text/csv", {}) == "text/csv"
    for given, parameters in (
        ("text/plain", {}),
        ("application/json", {"format": "pandas-split"}),
        ("text/csv", {"charset": "latin-1"}),
    ):
        with pytest.raises(UnsupportedMediaType):
            media_type(given, parameters)


def test_every_refusal_is_the_callers() -> None:
    for body in (b"\xff", b"\xef\xbb\xbf{}", b"", b"null"):
        with pytest.raises(SignetError):
            ask(body)
