"""What each column of a dataset looks like, in numbers that a person and a chart can use.

A profile is `{"name", "type", "missing", "distinct", "distinct_is_lower_bound", "examples"}`, and by type `min` and
`max`; `mean` and `std` (sample standard deviation); `histogram` `{"edges", "counts"}`; `top` `[{"value", "count"}]`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from backend.datasets.kinds import STORED_AS, Kind, kind_of_text
from backend.datasets.spread import Spread
from backend.datasets.values import shortened
from backend.datasets.variety import Variety

BATCH = 65_536
EXAMPLES = 3
EXAMPLES_FROM = 100
TOP = 10
# Beyond this width, charts of every column would be megabytes in each answer.
DETAILED_COLUMNS = 1_000

Profile = dict[str, Any]
_KINDS: dict[pa.DataType, Kind] = {STORED_AS[kind]: kind for kind in ("integer", "number", "boolean")}


def profile_columns(path: Path) -> list[Profile]:
    """The profile of each column of a dataset's Parquet file; memory holds a part of one column at a time."""
    with pq.ParquetFile(path) as file:
        detailed = len(file.schema_arrow) <= DETAILED_COLUMNS
        return [_profile(_Column(file, field), detailed=detailed) for field in file.schema_arrow]


class _Column:
    """One column, read in batches without its missing values, as often as wanted."""

    def __init__(self, file: pq.ParquetFile, field: pa.Field) -> None:
        self.name, self.type = field.name, field.type
        self.rows = file.metadata.num_rows
        self._file = file

    def __iter__(self) -> Iterator[pa.Array]:
        for batch in self._file.iter_batches(BATCH, columns=[self.name], use_threads=False):
            yield batch.column(self.name).drop_null()


def _profile(column: _Column, *, detailed: bool) -> Profile:
    variety, spread = Variety(column.type), Spread(column.type)
    examples: list[Any] = []
    for values in column:
        variety.add(values)
        spread.add(values)
        examples = examples or [shortened(value) for value in values[:EXAMPLES_FROM].unique()[:EXAMPLES].to_pylist()]
    kind = _kind(column.type, spread.count, variety)
    profile = {
        "name": column.name,
        "type": kind,
        "missing": column.rows - spread.count,
        "distinct": variety.distinct,
        "distinct_is_lower_bound": variety.is_lower_bound,
        "examples": examples,
    }
    return profile | (_details(column, kind, variety, spread) if detailed else {})


def _details(column: _Column, kind: Kind, variety: Variety, spread: Spread) -> Profile:
    if spread.is_measured:
        for values in column:
            spread.add_again(values)
    return spread.to_json() | ({} if kind in {"number", "datetime"} else {"top": variety.top(TOP)})


def _kind(stored: pa.DataType, present: int, variety: Variety) -> Kind:
    if stored == STORED_AS["text"]:
        return "text" if variety.is_lower_bound else kind_of_text(present, variety.distinct)
    return "datetime" if pa.types.is_timestamp(stored) else _KINDS[stored]
