"""How a text is laid out as a table: its delimiter, told from its first lines, and a `sep=` line that says it."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from backend.datasets.options import DELIMITERS, ReadOptions
from backend.errors import DatasetUnreadable

SAMPLE = 256 * 1024
SAMPLE_ROWS = 500
# Spreadsheet programs write and read this line; no other program understands it.
_SEP_LINE = re.compile(r'"?sep=([,;\t|])"?\r?\n', re.IGNORECASE)
_BLANK_LINES = re.compile(r"(?:[ \t]*(?:\r\n|\r|\n))+")


@dataclass(frozen=True)
class Layout:
    """A UTF-8 text as a table: `skip` lines come before it, and `header` says whether its first row holds names."""

    path: Path
    delimiter: str
    header: bool
    skip: int = 0


def find_layout(path: Path, options: ReadOptions) -> Layout:
    """The layout of a UTF-8 text; what the options say goes first."""
    with path.open(encoding="utf-8-sig", errors="ignore", newline="") as file:
        sample = file.read(SAMPLE)
        whole = not file.read(1)
    if not sample.strip(" \t\r\n\f\v\x1a"):
        raise DatasetUnreadable(
            "The file holds only empty lines. Send a table with a header line and at least one row."
        )
    said = _SEP_LINE.match(sample)
    rest = sample[said.end() :] if said else sample
    delimiter = options.delimiter or (said.group(1) if said else _guess_delimiter(rest, whole=whole))
    blank = _BLANK_LINES.match(rest)
    skip = (1 if said else 0) + (len(blank.group().splitlines()) if blank else 0)
    return Layout(path, delimiter, options.header is not False, skip)


def _guess_delimiter(sample: str, *, whole: bool) -> str:
    """The delimiter that cuts most rows into as many values as the first row, and that into most."""
    return max(DELIMITERS, key=lambda delimiter: _fitness(sample, delimiter, whole=whole))


def _fitness(sample: str, delimiter: str, *, whole: bool) -> tuple[float, int]:
    widths = _widths(sample, delimiter, whole=whole)
    if not widths or widths[0] < 2:
        return (0.0, 0)
    return (Counter(widths)[widths[0]] / len(widths), widths[0])


def _widths(sample: str, delimiter: str, *, whole: bool) -> list[int]:
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True)
    widths: list[int] = []
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                widths.append(len(row))
            if len(widths) > SAMPLE_ROWS:
                break
    except csv.Error:
        return widths
    return widths if whole or len(widths) < 2 else widths[:-1]
