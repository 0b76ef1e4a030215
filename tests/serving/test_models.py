"""A loaded version: the same answer however a row is given, and a refusal that names what does not fit."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.algorithms.manifest import Manifest
from backend.algorithms.signature import Task
from backend.errors import DigestMismatch, InvalidFields
from backend.serving.models import ServedModel
from tests.trained import EXAMPLE, make_result

ORDER = list(EXAMPLE)
OTHER = {"size": 2.0, "count": 0, "colour": "blue", "open": False, "age": 1.25}


def load(folder: Path, task: Task = "multiclass", **more: Any) -> ServedModel:
    result = make_result(folder / "result", task, **more)
    manifest = Manifest.from_json(json.loads((result / "result.json").read_text())["manifest"])
    return ServedModel.load("m", 3, result / "bundle", manifest)


def in_order(row: dict[str, Any]) -> list[Any]:
    return [row[name] for name in ORDER]


@pytest.mark.parametrize("algorithm", ["xgboost", "linear"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_one_or_many_in_order_or_by_name_is_the_same_answer(tmp_path: Path, task: Task, algorithm: str) -> None:
    served = load(tmp_path, task, algorithm=algorithm)
    rows = [EXAMPLE, OTHER, EXAMPLE]
    many = served.predict(rows)
    assert served.predict([in_order(row) for row in rows]) == many
    assert served.predict([dict(reversed(row.items())) for row in rows]) == many
    alone = [served.predict([row]) for row in rows]
    assert [one.values[0] for one in alone] == many.values
    if task == "regression":
        assert many.probabilities is None
        assert all(type(value) is float for value in many.values)
    else:
        assert many.probabilities is not None
        assert [one.probabilities[0] for one in alone if one.probabilities] == many.probabilities
    json.dumps(many.values, allow_nan=False)
    assert (served.model, served.version) == ("m", "3")


@pytest.mark.parametrize(
    ("task", "classes", "names"),
    [
        ("multiclass", ("ant", "bee", "cat"), ["ant", "bee", "cat"]),
        ("multiclass", (3, 1, 2), ["3", "1", "2"]),
        ("binary", (False, True), ["false", "true"]),
        ("binary", ("0", "1"), ["0", "1"]),
    ],
)
def test_a_label_keeps_its_own_type_and_its_probability_is_the_largest(
    tmp_path: Path, task: Task, classes: tuple[Any, ...], names: list[str]
) -> None:
    served = load(tmp_path, task, classes=classes)
    predictions = served.predict([EXAMPLE, OTHER])
    assert predictions.probabilities is not None
    for value, shares in zip(predictions.values, predictions.probabilities, strict=True):
        assert list(shares) == names
        assert sum(shares.values()) == pytest.approx(1)
        assert value in classes
        assert type(value) is type(classes[0])
        assert shares[names[classes.index(value)]] == max(shares.values())
    json.dumps(predictions.probabilities, allow_nan=False)


REFUSED = {
    "text in a number": ({"size": "5.1"}, "size", "is not a number"),
    "a boolean in a number": ({"size": True}, "size", "is not a number"),
    "infinity in a number": ({"size": float("inf")}, "size", "finite"),
    "a fraction in an integer": ({"count": 1.7}, "count", "whole number"),
    "text in an integer": ({"count": "3"}, "count", "whole number"),
    "a huge integer": ({"count": 2**53 + 1}, "count", "2\\*\\*53"),
    "a boolean in an integer": ({"count": False}, "count", "whole number"),
    "a number in a category": ({"colour": 3}, "colour", "is not text"),
    "text in a boolean": ({"open": "false"}, "open", "neither true nor false"),
    "a number in a boolean": ({"open": 1}, "open", "neither true nor false"),
    "missing where none was": ({"size": None}, "size", "missing"),
    "a list as a value": ({"size": [1]}, "size", "is not a number"),
    "an unknown column": ({"weight": 1}, "weight", "not a field"),
}


@pytest.mark.parametrize(("change", "field", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_value_that_does_not_fit_is_refused_by_the_name_of_its_field(
    tmp_path: Path, change: dict[str, Any], field: str, problem: str
) -> None:
    served = load(tmp_path)
    with pytest.raises(InvalidFields, match=problem) as refusal:
        served.predict([{**EXAMPLE, **change}])
    assert [p.field for p in refusal.value.problems] == [field]
    with pytest.raises(InvalidFields) as refusal:
        served.predict([EXAMPLE, {**EXAMPLE, **change}])
    assert [(p.field, p.row) for p in refusal.value.problems] == [(field, 1)]


def test_rows_of_another_length_are_refused(tmp_path: Path) -> None:
    served = load(tmp_path)
    for row in ([], [1.0], [*in_order(EXAMPLE), 1]):
        with pytest.raises(InvalidFields, match=r"has \d values where the model takes 5: size, count"):
            served.predict([row])
    with pytest.raises(InvalidFields, match="'size' is missing"):
        served.predict([{}])


def test_an_unknown_category_is_missing(tmp_path: Path) -> None:
    served = load(tmp_path)
    assert served.predict([{**EXAMPLE, "colour": "mauve"}]) == served.predict([{**EXAMPLE, "colour": None}])


def test_changed_files_are_not_loaded(tmp_path: Path) -> None:
    result = make_result(tmp_path / "result")
    manifest = Manifest.from_json(json.loads((result / "result.json").read_text())["manifest"])
    file = result / "bundle" / "model.ubj"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DigestMismatch):
        ServedModel.load("m", 1, result / "bundle", manifest)


def test_a_version_that_cannot_predict_its_own_example_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(InvalidFields, match="'age' is missing"):
        load(tmp_path, example={name: value for name, value in EXAMPLE.items() if name != "age"})
