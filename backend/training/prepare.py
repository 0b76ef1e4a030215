"""From a dataset to what an algorithm learns from: a table and a wish come in; matrix, vector and columns go out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from backend.algorithms.contract import Matrix, Vector
from backend.algorithms.encoding import encode_table
from backend.algorithms.signature import Column, Feature, Label, Task, expand
from backend.errors import TrainingImpossible
from backend.training.columns import choose_columns
from backend.training.leakage import nearly_predicts, repeats_target
from backend.training.target import understand_target, with_known_target


@dataclass(frozen=True)
class Prepared:
    """Rows with a known target, ready to be split: X (rows, features) and y (rows,); `example` is the first row as JSON."""

    task: Task
    classes: tuple[Label, ...]
    columns: tuple[Column, ...]
    features: tuple[Feature, ...]
    X: Matrix
    y: Vector
    example: Mapping[str, Any]
    warnings: tuple[str, ...]

    def without_rows(self) -> Self:
        """Everything but the rows, which are large."""
        return replace(self, X=self.X[:0].copy(), y=self.y[:0].copy())


def prepare(
    table: pa.Table,
    kinds: Mapping[str, str],
    target: str,
    *,
    task: Task | None = None,
    named: Sequence[str] | None = None,
) -> Prepared:
    """Understand the target, choose columns and encode them.

    `kinds` gives each column's kind; `named` are the columns that a person insists on. Raises TrainingImpossible where the
    data cannot teach a model.
    """
    table, unknown_target = with_known_target(table, target)
    understood = understand_target(target, kinds[target], table[target], task)
    table, infinite = _finite(table.drop_columns([target]))
    columns, aside = choose_columns(table, kinds, target, named)
    X = encode_table(columns, table)
    if not named:
        columns, X, repeated = _without_repeats(columns, X, understood.y, understood.task, target)
        aside = aside + repeated
    features = expand(columns)
    hints = nearly_predicts(X, understood.y, columns, features, understood.task)
    warnings = unknown_target + understood.warnings + infinite + aside + hints
    example = {column.name: _plain(table[column.name][0]) for column in columns}
    return Prepared(understood.task, understood.classes, columns, features, X, understood.y, example, warnings)


def _without_repeats(
    columns: tuple[Column, ...], X: Matrix, y: Vector, task: Task, target: str
) -> tuple[tuple[Column, ...], Matrix, tuple[str, ...]]:
    features = expand(columns)
    repeats = repeats_target(X, y, features, task)
    if not repeats:
        return columns, X, ()
    kept = tuple(column for column in columns if column.name not in repeats)
    if not kept:
        raise TrainingImpossible(
            f"Every usable column only repeats '{target}': {', '.join(repeats)}. Add other columns."
        )
    places = [i for i, feature in enumerate(features) if (feature.column or feature.name) not in repeats]
    warnings = tuple(f"Column '{name}' was set aside: it repeats '{target}' under another name." for name in repeats)
    return kept, X[:, places], warnings


def _finite(table: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """Infinite numbers as missing ones, and a warning for each column that had them."""
    warnings: list[str] = []
    for place, name in enumerate(table.column_names):
        values = table[name]
        if not pa.types.is_floating(values.type):
            continue
        infinite = pc.fill_null(pc.is_inf(values), fill_value=False)
        if found := pc.sum(infinite).as_py():
            table = table.set_column(place, name, pc.if_else(infinite, pa.scalar(None, values.type), values))
            warnings.append(f"{found} infinite values in column '{name}' were taken as missing.")
    return table, tuple(warnings)


def _plain(value: pa.Scalar) -> Any:
    """One cell as JSON has it."""
    if pa.types.is_timestamp(value.type) and value.is_valid:
        return pc.strftime(value, format="%Y-%m-%dT%H:%M:%S").as_py()
    plain = value.as_py()
    return None if isinstance(plain, float) and plain != plain else plain  # noqa: PLR0124 - only NaN differs from itself
