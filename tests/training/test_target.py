"""What is to be predicted, and in which words the impossible is refused."""

import numpy as np
import pyarrow as pa
import pytest

from backend.errors import TrainingImpossible
from backend.training.target import guess_task, understand_target, with_known_target


def column(*values: object, times: int = 1) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(list(values) * times)])


@pytest.mark.parametrize(
    ("kind", "values", "task"),
    [
        ("boolean", column(True, False, times=20), "binary"),
        ("category", column("a", "b", times=20), "binary"),
        ("category", column("a", "b", "c", times=20), "multiclass"),
        ("integer", column(0, 1, times=20), "binary"),
        ("integer", column(0, 1, 2, times=20), "multiclass"),
        ("integer", column(*range(20), times=10), "multiclass"),
        ("integer", column(*range(21), times=10), "regression"),
        ("integer", column(*range(12), times=2), "regression"),
        ("number", column(1.0, 2.0, 3.0, times=20), "multiclass"),
        ("number", column(*map(float, range(21)), times=20), "regression"),
        ("number", column(1.0, 2.5, times=20), "regression"),
    ],
)
def test_the_task_is_what_a_person_means(kind: str, values: pa.ChunkedArray, task: str) -> None:
    assert guess_task(kind, values) == task


def test_classes_are_sorted_and_coded_by_their_place() -> None:
    target = understand_target("t", "category", column("pear", "apple", "fig", times=10), None)

    assert target.classes == ("apple", "fig", "pear")
    assert target.y.tolist()[:3] == [2, 0, 1]
    assert target.y.dtype == np.int64


def test_whole_numbers_in_a_column_of_fractions_are_classes_named_as_whole_numbers() -> None:
    target = understand_target("t", "number", column(3.0, 1.0, 2.0, times=20), None)

    assert target.classes == (1, 2, 3)
    assert "3 different whole numbers" in target.warnings[0]


def test_a_person_overrides_the_guess() -> None:
    target = understand_target("t", "integer", column(1, 2, 3, times=20), "regression")

    assert (target.task, target.classes, target.warnings) == ("regression", (), ())
    assert target.y.dtype == np.float64


def test_multiclass_of_two_values_is_binary() -> None:
    assert understand_target("t", "category", column("a", "b", times=20), "multiclass").task == "binary"


@pytest.mark.parametrize(
    ("kind", "values", "wished", "words"),
    [
        ("category", column("a", times=30), None, "same value in 't'"),
        ("number", column(1.5, times=30), "regression", "same value in 't'"),
        ("datetime", column(1, 2, times=30), None, "date cannot be predicted"),
        ("text", column(*(f"a text about {i}" for i in range(40))), None, "free text or an identifier"),
        ("category", column(*(f"c{i}" for i in range(120)), times=3), None, "at most 100 classes"),
        ("integer", column(*range(120), times=3), "multiclass", "choose regression"),
        ("category", column(*"ab" * 20, "c"), None, "The value 'c' of 't' appears in one row only"),
        ("category", column(*"aabbcdefghi", *"ab" * 20), None, "'c', 'd', 'e', 'f', 'g' and 2 more"),
        ("category", column("a", "b", times=20), "regression", "holds names"),
        ("boolean", column(True, False, times=20), "regression", "holds true and false"),
        ("number", column(1.5, 2.5, times=20), "binary", "numbers with fractions"),
        ("category", column("a", "b", "c", times=20), "binary", "Choose multiclass"),
    ],
)
def test_what_cannot_be_learnt_is_refused_in_words(
    kind: str, values: pa.ChunkedArray, wished: str | None, words: str
) -> None:
    with pytest.raises(TrainingImpossible) as refused:
        understand_target("t", kind, values, wished)  # type: ignore[arg-type]
    assert words in refused.value.detail


def test_rows_without_a_target_are_left_out_and_counted() -> None:
    table = pa.table({"t": [None, float("nan"), float("inf"), *map(float, range(30))]})

    kept, warnings = with_known_target(table, "t")

    assert kept.num_rows == 30
    assert warnings == ("3 of 33 rows have no value in 't' and were left out.",)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(TrainingImpossible, match="Only 19 of 25 rows have a value in 't'"):
        with_known_target(pa.table({"t": [*range(19), *[None] * 6]}), "t")
