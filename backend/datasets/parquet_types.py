"""The column types of Parquet files, and how each becomes one of the platform's own without losing anything unsaid."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from backend.datasets.dates import is_in_calendar
from backend.datasets.kinds import STORED_AS, UTC_DATETIME
from backend.datasets.limits import MAX_BATCH, MAX_CELL, MEGABYTE, cell_too_long
from backend.errors import DatasetUnreadable, TooLarge

SAFE_DIGITS = 15


def stored_as(name: str, kind: pa.DataType) -> pa.DataType:
    """The type that a column of this type is stored as; DatasetUnreadable for a type without single plain values."""
    plain = plain_type(kind)
    if pa.types.is_timestamp(plain):
        return STORED_AS["datetime"] if plain.tz is None else UTC_DATETIME
    for fits, target in _TARGETS:
        if fits(plain):
            return target
    raise DatasetUnreadable(
        f"Column '{name}' is of type '{kind}', which does not hold one plain value a row. Keep only columns of "
        "numbers, texts, dates, and true or false."
    )


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type under dictionaries and extension types."""
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    return plain_type(kind.value_type) if pa.types.is_dictionary(kind) else kind


def to_stored(column: pa.Array, field: pa.Field, notes: list[str]) -> pa.Array:
    """The column in its stored type; DatasetUnreadable names a column with a value that does not fit."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if field.type == pa.string():
        _verify_texts(column, field.name)
    try:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        stored = pc.cast(column, field.type)
    except pa.ArrowInvalid as error:
        if not pa.types.is_timestamp(column.type) or column.type.unit != "ns":
            raise _misfit(field, error) from error
        _note_once(notes, f"Column '{field.name}': times were cut to whole microseconds.")
        stored = pc.cast(column, field.type, safe=False)
    if pa.types.is_timestamp(field.type) and not is_in_calendar(stored):
        raise DatasetUnreadable(
            f"Column '{field.name}' holds dates outside the years 1 to 9999. Correct or empty them."
        )
    return stored


def _is_whole(kind: pa.DataType) -> bool:
    is_whole_decimal = pa.types.is_decimal(kind) and kind.scale == 0 and kind.precision <= 18
    return bool(pa.types.is_integer(kind) or is_whole_decimal)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_text(kind: pa.DataType) -> bool:
    """Texts, bytes that may be texts, times of day, and columns of nothing."""
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary)
    others = (pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_time, pa.types.is_null)
    return any(fits(kind) for fits in (*texts, *others))


_TARGETS: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (pa.types.is_boolean, STORED_AS["boolean"]),
    (_is_whole, STORED_AS["integer"]),
    (_is_number, STORED_AS["number"]),
    (pa.types.is_date, STORED_AS["datetime"]),
    (_is_text, STORED_AS["text"]),
)


def _verify_texts(column: pa.Array, name: str) -> None:
    """Refuse texts too long, and few stored bytes that stand for very many."""
    texts = column.dictionary if pa.types.is_dictionary(column.type) else column
    if pa.types.is_time(texts.type) or pa.types.is_null(texts.type):
        return
    lengths = pc.binary_length(texts)
    if (pc.max(lengths).as_py() or 0) > MAX_CELL:
        raise cell_too_long(f"A value in column '{name}'")
    used = pc.take(lengths, column.indices) if texts is not column else lengths
    if (pc.sum(used).as_py() or 0) > MAX_BATCH:
        raise TooLarge(f"Column '{name}' holds more than {MAX_BATCH // MEGABYTE} MB of text in a few rows. Remove it.")


def _misfit(field: pa.Field, error: Exception) -> DatasetUnreadable:
    what = {pa.int64(): "whole numbers beyond 64 bits", pa.string(): "bytes that are no text"}
    return DatasetUnreadable(
        f"Column '{field.name}' holds {what.get(field.type, 'values that do not fit')}. "
        "Change or remove the column and send the file again.",
        cause=str(error),
    )


def _note_once(notes: list[str], note: str) -> None:
    if note not in notes:
        notes.append(note)
