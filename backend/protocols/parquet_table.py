"""A Parquet body comes in; its Arrow table goes out, with a bound on the memory that it unpacks to."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

from backend.errors import FieldProblem, InvalidFields, Malformed, TooLarge
from backend.protocols.mlflow_scoring import verify_count

_DAMAGED = "The Parquet body is damaged or cut short, or uses a feature that cannot be read."
_MEGABYTE = 1024 * 1024
_READ = (
    pt.is_integer, pt.is_floating, pt.is_boolean, pt.is_string, pt.is_large_string, pt.is_null, pt.is_timestamp, pt.is_date,
    lambda kind: pt.is_dictionary(kind) and pt.is_string(kind.value_type),
)  # fmt: skip
# Microseconds since 1970 at the ends of the calendar.
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999


def parse_parquet(body: bytes | pa.Buffer, names: frozenset[str], *, max_rows: int, limit: int) -> pa.Table:
    """The table of a Parquet file whose columns are among `names`; TooLarge where it unpacks to more than `limit` bytes.

    Only flat columns of common types are read. An index that pandas wrote beside the columns is left out.
    """
    try:
        with pq.ParquetFile(pa.BufferReader(body)) as file:
            metadata, schema = file.metadata, file.schema_arrow
        index = _index(schema) - names
        wanted = [field for field in schema if field.name not in index]
        _verify(metadata, wanted, names, max_rows, limit)
        texts = [field.name for field in wanted if pt.is_string(field.type)]
        with pq.ParquetFile(pa.BufferReader(body), read_dictionary=texts) as file:
            table = file.read(columns=[field.name for field in wanted], use_threads=False)
        table.validate(full=True)
    except MemoryError:
        raise  # one of Arrow's exceptions, too, and no sign of damage
    except (pa.ArrowException, OSError, ValueError, KeyError, RecursionError) as error:
        raise Malformed(_DAMAGED, cause=str(error)) from error
    if table.num_rows != metadata.num_rows:
        raise Malformed(_DAMAGED, cause=f"{table.num_rows} of {metadata.num_rows} rows")
    for field in wanted:
        _verify_column(field, table.column(field.name), limit)
    return table


def _verify(
    metadata: pq.FileMetaData, wanted: list[pa.Field], names: frozenset[str], max_rows: int, limit: int
) -> None:
    verify_count(metadata.num_rows, max_rows)
    if len({field.name for field in wanted}) != len(wanted):
        raise Malformed("A column appears twice in the Parquet body.")
    unknown = [
        FieldProblem(field.name[:80], "is not a field of this model") for field in wanted if field.name not in names
    ]
    unread = [
        FieldProblem(field.name, f"holds {str(field.type)[:80]}, which is not read here")
        for field in wanted
        if field.name in names and not any(reads(field.type) for reads in _READ)
    ]
    if unknown or unread:
        raise InvalidFields((unknown + unread)[:20])
    unpacked = sum(metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups))
    if unpacked > limit:
        raise _too_large(limit)


def _verify_column(field: pa.Field, column: pa.ChunkedArray, limit: int) -> None:
    if pt.is_dictionary(column.type):
        _verify_texts(column, limit)
    if pt.is_timestamp(field.type) or pt.is_date(field.type):
        _verify_moments(field, column)


def _verify_texts(column: pa.ChunkedArray, limit: int) -> None:
    """A long text that a dictionary names in every row would unpack to far more than the body."""
    total = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary)
        total += pc.sum(pc.take(lengths, chunk.indices).cast(pa.int64())).as_py() or 0
    if total > limit:
        raise _too_large(limit)


def _verify_moments(field: pa.Field, column: pa.ChunkedArray) -> None:
    """Only what a calendar of years 1 to 9999 has, as in every other form; further off, a cast would wrap around."""
    problem = FieldProblem(field.name, "holds a time that is not of the years 1 to 9999")
    nanoseconds = pt.is_timestamp(field.type) and field.type.unit == "ns"  # 1677 to 2262
    try:
        moments = column.cast(pa.timestamp("us"), safe=not nanoseconds).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise InvalidFields([problem], cause=str(error)) from error
    bounds = pc.min_max(moments).as_py()
    if bounds["min"] is not None and not _FIRST <= bounds["min"] <= bounds["max"] <= _LAST:
        raise InvalidFields([problem])


def _index(schema: pa.Schema) -> frozenset[str]:
    """The columns that hold the index of a pandas table; it is no data."""
    told = schema.pandas_metadata
    columns = told.get("index_columns") if isinstance(told, dict) else None
    return frozenset(name for name in columns if isinstance(name, str)) if isinstance(columns, list) else frozenset()


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The Parquet body unpacks to more than {limit // _MEGABYTE} MB.")
