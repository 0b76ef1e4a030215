"""A delimited text of any size, read in blocks of columns of trimmed texts."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from backend.datasets.dialect import Layout
from backend.datasets.limits import MAX_CELL, MAX_NAME, MEGABYTE, cell_too_long, verify_columns, verify_rows
from backend.datasets.quotes import has_doubtful_quotes, has_quotes
from backend.datasets.strict import BLANK, rewritten, verify_rows_whole
from backend.errors import DatasetUnreadable

BLOCK = 4 * MEGABYTE  # the longest row, too
TOGETHER, ENOUGH_ROWS = 8, 1_000
Columns = list[pa.Array]
T = TypeVar("T")


class Blocks:
    """The table of a text: `names` as they stand in its first row (or none), and its rows, as often as wanted.

    Doubtful quotes are judged first, and values over several lines last, so that no lost row passes as such a value.
    """

    def __init__(self, layout: Layout) -> None:
        doubtful = has_doubtful_quotes(layout.path, layout.delimiter)
        self._layout = rewritten(layout, layout.path.with_name("rewritten")) if doubtful else layout
        self._trusted = doubtful or not has_quotes(layout.path)
        reader = self._located(self._open)
        self.names: list[str] = list(reader.schema.names)
        reader.close()
        verify_columns(len(self.names))

    def __iter__(self) -> Iterator[Columns]:
        """Each block as one array of texts a column, spaces around values and rows without any value left out."""
        reader = self._located(self._open)
        row, spanned = 0, False
        while (batch := self._located(lambda: _next_batch(reader))) is not None:
            spanned = spanned or (not self._trusted and any(map(_has_line_breaks, batch.columns)))
            columns = [pc.utf8_trim_whitespace(column) for column in batch.columns]
            self._verify_cells(columns, row)
            row += batch.num_rows
            verify_rows(row)
            yield _without_blank_rows(columns)
        if spanned:
            verify_rows_whole(self._layout)
            self._trusted = True

    def _open(self) -> csv.CSVStreamingReader:
        return csv.open_csv(
            self._layout.path,
            read_options=csv.ReadOptions(
                use_threads=False,
                block_size=BLOCK,
                skip_rows=self._layout.skip,
                autogenerate_column_names=not self._layout.header,
            ),
            parse_options=csv.ParseOptions(
                delimiter=self._layout.delimiter, newlines_in_values=True, invalid_row_handler=_skip_blank
            ),
            convert_options=csv.ConvertOptions(default_column_type=pa.string(), check_utf8=False),
        )

    def _located(self, act: Callable[[], T]) -> T:
        """What the act gives; where it fails, the error that names the line."""
        try:
            return act()
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                raise no_rows() from error
            verify_rows_whole(self._layout)
            raise DatasetUnreadable(
                f"The text cannot be cut into rows and values, or a row is longer than {BLOCK // MEGABYTE} MB. "
                "Save it again as CSV with every value that holds a delimiter or a line break between double quotes.",
                cause=str(error),
            ) from error

    def _verify_cells(self, columns: Columns, rows_before: int) -> None:
        for name, column in zip(self.names, columns, strict=True):
            if (pc.max(pc.binary_length(column)).as_py() or 0) > MAX_CELL:
                too_long = pc.greater(pc.utf8_length(column), MAX_CELL)
                place = pc.index(too_long, value=True).as_py()
                if place >= 0:
                    raise cell_too_long(f"The value in column '{name[:MAX_NAME]}', row {rows_before + place + 1},")


def no_rows() -> DatasetUnreadable:
    """The error for a table without any row of values."""
    return DatasetUnreadable("The file has a header and no rows. Send a table with at least one row of values.")


def _next_batch(reader: csv.CSVStreamingReader) -> pa.RecordBatch | None:
    """The next rows; of a wide table several blocks together, because each column of each block has its cost."""
    batches: list[pa.RecordBatch] = []
    while len(batches) < TOGETHER and sum(batch.num_rows for batch in batches) < ENOUGH_ROWS:
        try:
            batches.append(reader.read_next_batch())
        except StopIteration:
            break
    return pa.concat_batches(batches) if batches else None


def _skip_blank(row: csv.InvalidRow) -> str:
    return "error" if row.text.strip(BLANK) else "skip"


def _has_line_breaks(column: pa.Array) -> bool:
    return any(pc.any(pc.match_substring(column, line_end)).as_py() for line_end in ("\n", "\r"))


def _without_blank_rows(columns: Columns) -> Columns:
    """The columns without rows in which every value is empty, such as spreadsheets leave at the end."""
    if len(columns) == 1:
        return columns
    blank = pc.equal(columns[0], "")
    for column in columns[1:]:
        if not pc.any(blank).as_py():
            return columns
        blank = pc.and_(blank, pc.equal(column, ""))
    kept = pc.invert(blank)
    return [column.filter(kept) for column in columns]
