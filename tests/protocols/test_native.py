"""The platform's own prediction protocol: shapes in, shapes out."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from backend.errors import Malformed, TooLarge
from backend.protocols import native
from backend.protocols.strict_json import write_json


@dataclass
class Given:
    values: list[Any]
    probabilities: list[dict[str, float]] | None = None


def ask(features: object, max_rows: int = 10) -> native.Question:
    return native.parse(json.dumps({"features": features}).encode(), max_rows=max_rows)


@pytest.mark.parametrize(
    ("features", "rows", "many"),
    [
        ([1, 2.5, "red", None, True], [[1, 2.5, "red", None, True]], False),
        ({"a": 1, "b": None}, [{"a": 1, "b": None}], False),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]], True),
        ([[1]], [[1]], True),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}], True),
        ([5], [[5]], False),
        ({}, [{}], False),
    ],
)
def test_one_row_or_many_in_order_or_by_name(features: object, rows: list[Any], many: object) -> None:
    assert ask(features) == native.Question(rows, many)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "^Missing 'features' in request$"),
        (b'{"feature": [1]}', "^Missing 'features' in request$"),
        (b"[[1, 2]]", "must be a JSON object with 'features'"),
        (b"null", "must be a JSON object"),
        (b'"features"', "must be a JSON object"),
        (b'{"features": []}', "is empty"),
        (b'{"features": null}', "must be one row"),
        (b'{"features": 5}', "must be one row"),
        (b'{"features": "1,2,3"}', "must be one row"),
        (b'{"features": true}', "must be one row"),
        (b'{"features": [[1], 2]}', "mixes"),
        (b'{"features": [[1], {"a": 1}]}', "mixes"),
        (b'{"features": [1, {"a": 1}]}', "mixes"),
        (b'{"features": [null, [1]]}', "mixes"),
        (b'{"features": [1], "version": "2"}', "Unknown key 'version'"),
        (b'{"features": [1], "features": [2]}', "'features' appears twice"),
        (b'{"features": [Infinity]}', "Infinity is not"),
    ],
)
def test_another_shape_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        native.parse(body, max_rows=10)


def test_more_rows_than_allowed_are_refused() -> None:
    assert len(ask([[1]] * 10).rows) == 10
    with pytest.raises(TooLarge, match="11 rows are more than the 10"):
        ask([[1]] * 11)


def test_the_answer_has_the_shape_of_the_question() -> None:
    origin = {"model": "iris", "version": "3", "prediction_id": "p"}
    shares = [{"ant": 0.75, "bee": 0.25}, {"ant": 0.5, "bee": 0.5}]
    one, many, single = ask([1, 2]), ask([[1, 2], [3, 4]]), ask([[1, 2]])
    assert native.render(one, Given(["ant"], shares[:1]), **origin) == {
        "prediction": "ant",
        "probabilities": shares[0],
        **origin,
    }
    assert native.render(many, Given(["ant", "bee"], shares), **origin) == {
        "predictions": ["ant", "bee"],
        "probabilities": shares,
        **origin,
    }
    assert native.render(single, Given([1.5]), **origin) == {"predictions": [1.5], **origin}
    assert native.render(one, Given([1.5]), **origin) == {"prediction": 1.5, **origin}


def test_the_schemas_say_what_is_read_and_written() -> None:
    from jsonschema import Draft202012Validator

    request, answer = Draft202012Validator(native.REQUEST_SCHEMA), Draft202012Validator(native.ANSWER_SCHEMA)
    for features in ([1, None], {"a": 1}, [[1], [2]], [{"a": True}]):
        request.validate({"features": features})
        question = ask(features)
        given = Given(["x"] * len(question.rows), [{"x": 1.0}] * len(question.rows))
        answer.validate(native.render(question, given, model="m", version="1", prediction_id="p"))
    for bad in ({}, {"features": []}, {"features": 5}, {"features": [1], "x": 1}):
        assert not request.is_valid(bad), bad


@pytest.mark.parametrize("names", [["no", "yes"], ["a", 'with "quotes", commas: and []{}', "ä\n"], ["only"]])
@pytest.mark.parametrize("rows", [1, 2, 37])
def test_many_rows_are_written_as_each_would_be(names: list[str], rows: int) -> None:
    shares = np.random.default_rng(rows).dirichlet(np.ones(len(names)), size=rows)
    shares[0] = np.resize([1e-300, 5e-324, 0.1], len(names))
    values = [names[code] for code in shares.argmax(axis=1)]
    each = Given(values, [dict(zip(names, row, strict=True)) for row in shares.tolist()])
    origin = {"model": 'm"', "version": "3", "prediction_id": "p"}
    expected = write_json(native.render(native.Question((), many=True), each, **origin))
    assert native.render_many(values, names, shares, **origin) == expected
    assert native.render_many(values, names, np.asfortranarray(shares), **origin) == expected


def test_a_share_that_is_no_number_is_null_among_many() -> None:
    body = native.render_many(
        ["a"], ["a", "b"], np.array([[np.nan, np.inf]]), model="m", version="1", prediction_id="p"
    )
    assert json.loads(body)["probabilities"] == [{"a": None, "b": None}]
