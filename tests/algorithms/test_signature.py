"""What a model takes and gives survives being written down, and describes itself to others."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from backend.algorithms.encoding import encode_rows
from backend.algorithms.signature import Column, Feature, Signature, Unknown, expand, importances_by_column
from backend.errors import Invalid, InvalidFields

COLUMNS = (
    Column("age", "number", missing=True),
    Column("rooms", "integer"),
    Column("alone", "boolean"),
    Column("port", "category", ("C", "Q", "S"), missing=True),
    Column("bought", "datetime"),
)
EXAMPLE = {"age": 31.5, "rooms": 2, "alone": False, "port": "S", "bought": "2026-01-31"}


def signature(**changes: object) -> Signature:
    given = {
        "task": "binary",
        "target": "survived",
        "target_kind": "integer",
        "classes": (0, 1),
        "columns": COLUMNS,
        "algorithm": "xgboost",
        "example": EXAMPLE,
    }
    return Signature(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [(0, 1), ("no", "yes"), (False, True)])
def test_json_round_trip_keeps_the_type_of_the_classes(classes: tuple[object, ...]) -> None:
    given = signature(classes=classes)
    read = Signature.from_json(json.loads(json.dumps(given.to_json())))
    assert read == given
    assert [type(one) for one in read.classes] == [type(one) for one in classes]


def test_a_datetime_becomes_six_matrix_columns() -> None:
    features = signature().features()
    assert [feature.name for feature in features[:4]] == ["age", "rooms", "alone", "port"]
    assert features[3] == Feature("port", categorical=True, categories=("C", "Q", "S"), column="port")
    assert [feature.name for feature in features[4:]] == [
        "bought.year",
        "bought.month",
        "bought.day",
        "bought.weekday",
        "bought.hour",
        "bought.epoch_seconds",
    ]
    assert {feature.column for feature in features[4:]} == {"bought"}


def test_importances_are_summed_by_input_largest_first() -> None:
    features = expand(COLUMNS)
    values = [1.0, 4.0, 0.5, 0.0, *[1.0] * 6]
    found = importances_by_column(features, values)
    assert found == {"bought": 6.0, "rooms": 4.0, "age": 1.0, "alone": 0.5, "port": 0.0}
    assert list(found) == ["bought", "rooms", "age", "alone", "port"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"age": None, "port": None}, True),
        ({"port": "a place that training never saw"}, True),
        ({"rooms": None}, False),
        ({"rooms": 1.7}, False),
        ({"rooms": 2**53 + 1}, False),
        ({"alone": 1}, False),
        ({"unknown": 1}, False),
        ({"age": "31"}, False),
    ],
)
def test_row_schema_says_what_a_row_may_hold(change: dict[str, object], *, expected: bool) -> None:
    schema = signature().row_schema()
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid({**EXAMPLE, **change}) is expected


def test_row_schema_needs_every_column() -> None:
    assert not Draft202012Validator(signature().row_schema()).is_valid({"age": 1})


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": ()},
        {"columns": (Column("a", "number"), Column("a", "integer"))},
        {"task": "guess"},
        {"classes": ()},
        {"task": "regression"},
    ],
)
def test_a_signature_that_contradicts_itself_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        signature(**changes)


def test_a_column_of_unknown_kind_or_with_a_doubled_category_is_refused() -> None:
    with pytest.raises(Invalid):
        Column("a", "colour")  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        Column("a", "category", ("x", "x"))


def test_another_format_or_a_lost_part_is_refused() -> None:
    data = signature().to_json()
    with pytest.raises(Invalid, match="format 2"):
        Signature.from_json({**data, "format": 2})
    for part in data:
        with pytest.raises(Invalid):
            Signature.from_json({name: value for name, value in data.items() if name != part})


VALUES = st.sampled_from(
    [None, True, 0, 1, 7.0, 0.5, -(2**53), 2**53, 2**60, 1e300, "S", "X", "", "1", "2026-01-31", "2026-01-31T12:00:00Z", [1], {}]
)  # fmt: skip


@given(st.fixed_dictionaries({column.name: VALUES for column in COLUMNS}), st.sampled_from(["missing", "refuse"]))
@settings(deadline=None, max_examples=400)
def test_the_schema_admits_what_the_model_takes(row: dict[str, Any], unknown: Unknown) -> None:
    # What JSON Schema cannot say stays out: which texts are dates, and that whole numbers have bounds that others have not.
    assume(row["bought"] not in ("S", "X", "", "1") and row["age"] != 2**60)
    given_ = signature(columns=tuple(replace(c, unknown=unknown) if c.categories else c for c in COLUMNS))
    try:
        encode_rows(given_.columns, [row])
        is_taken = True
    except InvalidFields:
        is_taken = False
    assert Draft202012Validator(given_.row_schema()).is_valid(row) == is_taken


@pytest.mark.parametrize("unknown", ["missing", "refuse"])
def test_what_an_unknown_category_is_travels_with_the_model(unknown: Unknown) -> None:
    given_ = signature(columns=(Column("port", "category", ("C",), unknown=unknown),))
    assert Signature.from_json(json.loads(json.dumps(given_.to_json()))).columns[0].unknown == unknown
    older = given_.to_json()
    del older["columns"][0]["unknown"]
    assert Signature.from_json(older).columns[0].unknown == "missing"
    older["columns"][0]["unknown"] = "guess"
    with pytest.raises(Invalid, match="guess"):
        Signature.from_json(older)
