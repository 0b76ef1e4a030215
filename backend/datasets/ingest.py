"""A received file comes in; a dataset's Parquet file, its profile and what people should know about it go out."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from backend.datasets.blocks import no_rows
from backend.datasets.delimited import read_delimited, read_table
from backend.datasets.dialect import Layout
from backend.datasets.excel import sheet_as_text
from backend.datasets.formats import Format, detect_format
from backend.datasets.limits import MAX_COLUMNS, verify_columns
from backend.datasets.options import ReadOptions
from backend.datasets.parquet import read_parquet
from backend.datasets.private_files import whole_file
from backend.datasets.profiles import Profile, profile_columns
from backend.datasets.reading import Reading, finite_batches
from backend.datasets.writing import write_parquet

MOST_NOTES = 50


@dataclass(frozen=True)
class Ingested:
    """What became of a file: its format, the number of rows, a profile a column, and notes for people."""

    format: Format
    rows: int
    columns: list[Profile]
    notes: list[str]


def ingest(
    path: Path, filename: str, options: ReadOptions, target: Path, *, most_columns: int = MAX_COLUMNS
) -> Ingested:
    """Read the file at `path` and make the dataset at `target`; where that fails, nothing is at `target`.

    `filename` is what its sender calls it, `most_columns` how many it may have. Raises DatasetUnreadable or TooLarge, saying what is wrong and where.
    """
    kind = detect_format(path, filename)
    notes: list[str] = []
    reading = _reading(path, kind, options, notes)
    verify_columns(len(reading.schema), most_columns)
    with whole_file(target) as part:
        rows = write_parquet(part, reading.schema, finite_batches(reading, notes))
        if rows == 0:
            raise no_rows()
        columns = profile_columns(part)
    pa.default_memory_pool().release_unused()
    return Ingested(kind, rows, columns, _bounded(notes))


def _reading(path: Path, kind: Format, options: ReadOptions, notes: list[str]) -> Reading:
    if kind is Format.CSV:
        return read_delimited(path, options, notes)
    if kind is Format.PARQUET:
        return read_parquet(path, notes)
    text = sheet_as_text(path, kind, options.sheet, notes)
    return read_table(Layout(text, ",", options.header is not False), options, notes)


def _bounded(notes: list[str]) -> list[str]:
    more = len(notes) - MOST_NOTES
    return [*notes[:MOST_NOTES], f"{more:,} more notes of this kind are not shown."] if more > 0 else notes
