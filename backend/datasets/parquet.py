"""A Parquet file comes in; the same table in the platform's own types goes out, or a reason why not."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from backend.datasets.blocks import no_rows
from backend.datasets.headers import clean_names
from backend.datasets.limits import MAX_PARQUET, MEGABYTE, verify_rows
from backend.datasets.parquet_types import SAFE_DIGITS, plain_type, stored_as, to_stored
from backend.datasets.reading import Reading
from backend.errors import DatasetUnreadable, TooLarge

CELLS = 1_000_000  # in one batch
DAMAGED = "The Parquet file is damaged or cut short, or uses a feature that cannot be read. Write it again."


def read_parquet(path: Path, notes: list[str]) -> Reading:
    """The table of a Parquet file; its own types decide, and types without a counterpart are refused by column."""
    try:
        with pq.ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
    except MemoryError:
        raise  # one of Arrow's exceptions, too, and no sign of damage
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DatasetUnreadable(DAMAGED, cause=str(error)) from error
    _verify_size(metadata)
    names = clean_names(schema.names, notes)
    own = pa.schema([(name, stored_as(name, field.type)) for name, field in zip(names, schema, strict=True)])
    notes.extend(_rounded(names, schema))
    texts = [field.name for field, target in zip(schema, own, strict=True) if target.type == pa.string()]
    return Reading(own, _batches(pq.ParquetFile(path, buffer_size=MEGABYTE, read_dictionary=texts), own, notes))


def _verify_size(metadata: pq.FileMetaData) -> None:
    if metadata.num_rows == 0 or metadata.num_columns == 0:
        raise no_rows()
    verify_rows(metadata.num_rows)
    unpacked = sum(metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups))
    if unpacked > MAX_PARQUET:
        raise TooLarge(
            f"The Parquet file unpacks to more than {MAX_PARQUET // MEGABYTE:,} MB. Split it, or draw a sample."
        )


def _rounded(names: Sequence[str], schema: pa.Schema) -> Iterator[str]:
    for name, field in zip(names, schema, strict=True):
        plain = plain_type(field.type)
        if pa.types.is_decimal(plain) and plain.precision > SAFE_DIGITS and plain.scale:
            yield f"Column '{name}' holds decimals of {plain.precision} digits; about {SAFE_DIGITS} of them are kept."


def _batches(file: pq.ParquetFile, own: pa.Schema, notes: list[str]) -> Iterator[pa.RecordBatch]:
    left = file.metadata.num_rows
    try:
        for batch in file.iter_batches(batch_size=max(1024, CELLS // len(own)), use_threads=False):
            left -= len(batch)
            columns = [to_stored(column, field, notes) for column, field in zip(batch.columns, own, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=own)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise DatasetUnreadable(DAMAGED, cause=str(error)) from error
    finally:
        file.close()
    if left:
        raise DatasetUnreadable(DAMAGED, cause=f"{left} rows less than told")
