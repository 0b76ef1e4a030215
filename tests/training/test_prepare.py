"""Which columns teach, which are set aside, and what is said about them."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from backend.errors import TrainingImpossible
from backend.training.prepare import Prepared, prepare

ROWS = 200
RANDOM = np.random.default_rng(7)
SIZE = RANDOM.normal(size=ROWS)
COLOUR = RANDOM.choice(["red", "green", "blue"], size=ROWS)
LABEL = np.where(SIZE + RANDOM.normal(size=ROWS) > 0, "yes", "no")
KINDS = {pa.string(): "category", pa.int64(): "integer", pa.float64(): "number", pa.bool_(): "boolean"}


def prepared(
    columns: dict[str, Any], *, kinds: dict[str, str] | None = None, target: str = "label", **wish: Any
) -> Prepared:
    """Prepare `size`, `colour` and `label`, and these columns beside them."""
    table = pa.table({"size": SIZE, "colour": COLOUR, **columns, "label": LABEL})
    guessed = {field.name: KINDS.get(field.type, "datetime") for field in table.schema}
    return prepare(table, guessed | (kinds or {}), target, **wish)


def names(result: Prepared) -> list[str]:
    return [column.name for column in result.columns]


def test_plain_columns_are_all_used_without_a_warning() -> None:
    result = prepared({})

    assert names(result) == ["size", "colour"]
    assert result.columns[1].categories == ("blue", "green", "red")
    assert result.warnings == ()
    assert result.X.shape == (ROWS, 2)
    assert result.X[0, 1] == ("blue", "green", "red").index(COLOUR[0])


@pytest.mark.parametrize(
    ("name", "values", "kind", "words"),
    [
        ("passenger", np.arange(1, ROWS + 1), "integer", "identifier or a row number"),
        ("customer_id", RANDOM.permutation(ROWS) * 7, "integer", "identifier or a row number"),
        ("orderId", RANDOM.permutation(ROWS) * 7, "integer", "identifier or a row number"),
        ("ticket", [f"T{i}" for i in range(ROWS)], "category", "name or an identifier"),
        ("remark", [f"the patient said {i}" for i in range(ROWS)], "text", "free text"),
        ("always", [1] * ROWS, "integer", "same value in every row"),
        ("empty", pa.nulls(ROWS, pa.float64()), "number", "no value at all"),
        ("big", [2**60 + i % 5 for i in range(ROWS)], "integer", "beyond 2**53"),
        ("answer", np.where(LABEL == "yes", "1", "0"), "category", "repeats 'label' under another name"),
    ],
)
def test_columns_that_cannot_help_are_set_aside_with_the_reason(name: str, values: Any, kind: str, words: str) -> None:
    result = prepared({name: values}, kinds={name: kind})

    assert names(result) == ["size", "colour"]
    assert len(result.warnings) == 1
    assert name in result.warnings[0]
    assert words in result.warnings[0]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("year", np.arange(1800, 1800 + ROWS)),
        ("price", RANDOM.permutation(ROWS) * 7),
        ("half", [1] * (ROWS // 2) + [None] * (ROWS // 2)),
        ("valid", RANDOM.permutation(ROWS) * 7),
    ],
)
def test_columns_that_may_help_are_kept(name: str, values: Any) -> None:
    assert names(prepared({name: values})) == ["size", "colour", name]


def test_many_categories_are_set_aside() -> None:
    rows = 5000
    table = pa.table(
        {"size": RANDOM.normal(size=rows), "shop": [f"s{i % 1500}" for i in range(rows)], "y": RANDOM.normal(size=rows)}
    )

    result = prepare(table, {"size": "number", "shop": "category", "y": "number"}, "y")

    assert names(result) == ["size"]
    assert "more than the 1000 categories" in result.warnings[0]


def test_named_columns_are_used_exactly_even_where_they_give_the_target_away() -> None:
    answer = np.where(LABEL == "yes", "1", "0")

    result = prepared({"answer": answer, "n": np.arange(ROWS)}, named=["answer", "n"])

    assert names(result) == ["answer", "n"]
    assert result.warnings == (
        "Column 'answer' alone all but settles the target. If it is only known after the fact, train again without it.",
    )


def test_a_named_column_that_cannot_be_used_is_refused() -> None:
    remark = [f"the patient said {i}" for i in range(ROWS)]

    with pytest.raises(TrainingImpossible, match="Column 'remark' cannot be used: it looks like free text"):
        prepared({"remark": remark}, kinds={"remark": "text"}, named=["size", "remark"])


def test_text_that_repeats_is_a_category() -> None:
    result = prepared({"words": ["so it is", "so it is not"] * (ROWS // 2)}, kinds={"words": "text"})

    assert result.columns[2].kind == "category"
    assert result.columns[2].categories == ("so it is", "so it is not")


def test_a_line_through_the_target_repeats_it() -> None:
    price = RANDOM.normal(size=ROWS)

    result = prepared({"price": price, "cents": price * 100 + 3}, target="price")

    assert names(result) == ["size", "colour", "label"]
    assert "'cents' was set aside: it repeats 'price'" in result.warnings[0]


def test_a_column_that_all_but_settles_the_target_is_kept_with_a_warning() -> None:
    score = np.where(LABEL == "yes", 1.0, -1.0) * RANDOM.uniform(0.5, 1, size=ROWS)

    result = prepared({"score": score})

    assert "score" in names(result)
    assert "Column 'score' alone all but settles the target" in result.warnings[0]


def test_nothing_left_to_learn_from_is_refused_with_every_reason() -> None:
    table = pa.table({"n": np.arange(ROWS), "c": [1] * ROWS, "label": LABEL})

    with pytest.raises(TrainingImpossible) as refused:
        prepare(table, {"n": "integer", "c": "integer", "label": "category"}, "label")

    assert refused.value.detail.startswith("No column is left to learn from.")
    assert "'n'" in refused.value.detail
    assert "'c'" in refused.value.detail


def test_only_repeats_of_the_target_are_refused() -> None:
    with pytest.raises(TrainingImpossible, match="Every usable column only repeats 'label': again"):
        prepare(pa.table({"again": LABEL, "label": LABEL}), {"again": "category", "label": "category"}, "label")


def test_infinite_numbers_are_missing_ones() -> None:
    sizes = SIZE.copy()
    sizes[:3] = np.inf

    result = prepared({"size": sizes})

    assert result.columns[0].missing
    assert np.isnan(result.X[:3, 0]).all()
    assert result.warnings == ("3 infinite values in column 'size' were taken as missing.",)


def test_a_column_remembers_whether_values_were_missing() -> None:
    result = prepared({"colour": [None, *COLOUR[1:]]})

    assert [column.missing for column in result.columns] == [False, True]


def test_times_are_expanded_and_may_rise() -> None:
    at = np.datetime64("2024-01-01T00:00:00", "us") + np.arange(ROWS).astype("timedelta64[h]")

    result = prepared({"at": at})

    assert names(result) == ["size", "colour", "at"]
    assert result.X.shape == (ROWS, 8)
