"""What every format becomes: a schema of plain types and batches of rows, however large the file."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Reading:
    """A table on its way: each batch has the schema's columns, in the types of `kinds.py`; batches come once."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


def finite_batches(reading: Reading, notes: list[str]) -> Iterator[pa.RecordBatch]:
    """The batches with NaN and infinite numbers as missing; a note for each column that had infinite ones."""
    infinite: Counter[str] = Counter()
    for batch in reading.batches:
        columns = [
            _finite(column, name, infinite) for name, column in zip(reading.schema.names, batch.columns, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=reading.schema)
    notes.extend(
        f"Column '{name}': {count:,} infinite numbers, or numbers too large to hold, were read as missing."
        for name, count in infinite.items()
    )


def _finite(column: pa.Array, name: str, infinite: Counter[str]) -> pa.Array:
    if not pa.types.is_floating(column.type):
        return column
    finite = pc.is_finite(column)
    if finite.false_count == 0:
        return column
    if endless := pc.is_inf(column).true_count:
        infinite[name] += endless
    return pc.if_else(finite, column, pa.scalar(None, column.type))
