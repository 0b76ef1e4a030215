"""What is to be predicted: a column comes in; a task, its classes and the vector to learn go out, or a reason why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backend.algorithms.contract import Vector
from backend.algorithms.signature import Label, Task
from backend.errors import TrainingImpossible

LEAST_ROWS = 20
MOST_CLASSES = 100
# Whole numbers with no more different values than this read as classes, where each has enough rows to be one.
FEW_NUMBERS = 20
ROWS_A_CLASS = 5


@dataclass(frozen=True)
class Target:
    """What a model learns: `y` is class codes (int64) by position in `classes`, or numbers (float64) and no classes."""

    task: Task
    classes: tuple[Label, ...]
    y: Vector
    warnings: tuple[str, ...] = ()


def with_known_target(table: pa.Table, name: str) -> tuple[pa.Table, tuple[str, ...]]:
    """The rows whose target is known, and a warning about the others; TrainingImpossible where too few are left."""
    known = pc.is_valid(table[name])
    if pa.types.is_floating(table[name].type):
        known = pc.and_(known, pc.fill_null(pc.is_finite(table[name]), fill_value=False))
    kept = table.filter(known)
    if kept.num_rows < LEAST_ROWS:
        raise TrainingImpossible(_too_few(name, kept.num_rows, table.num_rows))
    without = table.num_rows - kept.num_rows
    if not without:
        return kept, ()
    return kept, (f"{without} of {table.num_rows} rows have no value in '{name}' and were left out.",)


def understand_target(name: str, kind: str, values: pa.ChunkedArray, wished: Task | None) -> Target:
    """Task, classes and vector of a target column without missing values; `wished` overrides the guess.

    Raises TrainingImpossible in the words of whoever knows the data.
    """
    if kind == "datetime":
        raise TrainingImpossible(
            f"'{name}' holds dates, and a date cannot be predicted. Add a column with a number, such as days until the event."
        )
    distinct = pc.count_distinct(values).as_py()
    if distinct < 2:
        raise TrainingImpossible(
            f"Every row has the same value in '{name}', so there is nothing to learn. Choose a target that varies."
        )
    task = _verify_wish(name, kind, values, distinct, wished) if wished else guess_task(kind, values)
    if task == "regression":
        return Target(task, (), values.cast(pa.float64()).to_numpy().copy())
    target = _classified(task, values)
    _verify_classes(name, kind, target)
    unsure = not wished and kind in {"integer", "number"} and len(target.classes) > 2
    return Target(task, target.classes, target.y, (_looks_like_classes(name, distinct),) if unsure else ())


def guess_task(kind: str, values: pa.ChunkedArray) -> Task:
    """What a person most likely means by predicting this column (at least two different values, none missing)."""
    distinct = pc.count_distinct(values).as_py()
    if kind in {"integer", "number"}:
        crowded = len(values) >= ROWS_A_CLASS * distinct
        if not _is_whole(values) or (distinct > 2 and (distinct > FEW_NUMBERS or not crowded)):
            return "regression"
    return "binary" if distinct == 2 else "multiclass"


def _verify_wish(name: str, kind: str, values: pa.ChunkedArray, distinct: int, wished: Task) -> Task:
    numeric = kind in {"integer", "number"}
    if wished == "regression":
        if not numeric:
            raise TrainingImpossible(
                f"Regression predicts a number, and '{name}' holds {_words(kind)}. Choose classification, or leave the task open."
            )
        return wished
    if numeric and not _is_whole(values):
        raise TrainingImpossible(f"'{name}' holds numbers with fractions, which are no classes. Choose regression.")
    if wished == "binary" and distinct > 2:
        raise TrainingImpossible(f"'{name}' has {distinct} different values and binary means two. Choose multiclass.")
    return "binary" if distinct == 2 else "multiclass"


def _classified(task: Task, values: pa.ChunkedArray) -> Target:
    if pa.types.is_floating(values.type):
        values = values.cast(pa.int64())
    classes = sorted(pc.unique(values).to_pylist())
    codes = pc.index_in(values, value_set=pa.array(classes, values.type))
    return Target(task, tuple(cast("list[Label]", classes)), codes.to_numpy().astype(np.int64))


def _verify_classes(name: str, kind: str, target: Target) -> None:
    rows, classes = len(target.y), len(target.classes)
    if classes > MOST_CLASSES or (classes > rows / 2 and kind in {"text", "category"}):
        raise TrainingImpossible(_too_many(name, kind, classes, rows))
    counts = np.bincount(target.y, minlength=classes)
    single = [str(label) for label, count in zip(target.classes, counts, strict=True) if count == 1]
    if single:
        raise TrainingImpossible(_single(name, single))


def _is_whole(values: pa.ChunkedArray) -> bool:
    if not pa.types.is_floating(values.type):
        return True
    numbers = values.to_numpy()
    return bool(np.all(numbers == np.floor(numbers)) and np.all(np.abs(numbers) < 2**53))


def _too_few(name: str, known: int, rows: int) -> str:
    return (
        f"Only {known} of {rows} rows have a value in '{name}', and a model needs at least {LEAST_ROWS} to learn from "
        "and be checked on. Add rows."
    )


def _too_many(name: str, kind: str, classes: int, rows: int) -> str:
    if kind == "text" or classes > rows / 2:
        return (
            f"'{name}' looks like free text or an identifier: {classes} different values in {rows} rows. A model cannot learn "
            "to predict it. Choose a target with few values that repeat."
        )
    return (
        f"'{name}' has {classes} different values, and a model can tell at most {MOST_CLASSES} classes apart. Put them into "
        "fewer groups" + (", or choose regression." if kind in {"integer", "number"} else ".")
    )


def _single(name: str, labels: Sequence[str]) -> str:
    shown = ", ".join(f"'{label}'" for label in labels[:5]) + (
        f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    )
    subject = f"The value {shown} of '{name}' appears" if len(labels) == 1 else f"The values {shown} of '{name}' appear"
    return (
        f"{subject} in one row only, so a model cannot both learn and be checked on it. Add rows with it, merge it into "
        "another value, or remove the row."
    )


def _looks_like_classes(name: str, distinct: int) -> str:
    return (
        f"'{name}' holds {distinct} different whole numbers and was taken as that many classes. To predict a quantity, train "
        "again with the task regression."
    )


def _words(kind: str) -> str:
    return {"boolean": "true and false", "category": "names", "text": "text"}.get(kind, kind)
