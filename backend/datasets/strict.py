"""A strict, slower reading of a delimited text that knows the line of every fault; used where a quicker look found one."""

import csv
from collections.abc import Iterator
from pathlib import Path

from backend.datasets.dialect import Layout
from backend.datasets.limits import cell_too_long, verify_columns
from backend.datasets.options import DELIMITER_NAMES
from backend.errors import DatasetUnreadable

BLANK = " \t\x1a"  # 0x1A ends text files of old DOS programs


def verify_rows_whole(layout: Layout) -> None:
    """DatasetUnreadable names the first line with too few or too many values or a quote that does not close."""
    for _row in _strict_rows(layout):
        pass


def rewritten(layout: Layout, target: Path) -> Layout:
    """The same table with every quote where it belongs: spaces between a delimiter and a quote are gone."""
    with target.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, delimiter=layout.delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        out.writerows(_strict_rows(layout))
    return Layout(target, layout.delimiter, layout.header)


def _strict_rows(layout: Layout) -> Iterator[list[str]]:
    """Every row that is not blank, all of one width."""
    with layout.path.open(encoding="utf-8-sig", newline="") as file:
        for _ in range(layout.skip):
            file.readline()
        rows = csv.reader(file, delimiter=layout.delimiter, strict=True, skipinitialspace=True)
        expected, line = 0, layout.skip + 1
        try:
            for row in rows:
                if not _is_blank(row, expected):
                    expected = expected or len(row)
                    verify_columns(expected)
                    if len(row) != expected:
                        raise _ragged(layout, line, expected, len(row))
                    yield row
                line = layout.skip + rows.line_num + 1
        except csv.Error as error:
            raise _broken(line, str(error)) from error


def _is_blank(row: list[str], expected: int) -> bool:
    """Whether a line holds no value at all; in a table of one column, a quoted nothing is a missing value."""
    return not row or (len(row) == 1 != expected and not row[0].strip(BLANK))


def _ragged(layout: Layout, line: int, expected: int, found: int) -> DatasetUnreadable:
    delimiter = DELIMITER_NAMES[layout.delimiter]
    first = "the header has" if layout.header else "the first row has"
    if expected == 1:
        advice = "If there are lines above the header, such as a title, delete them."
    elif found > expected:
        advice = f"Put a value that itself holds a {delimiter} between double quotes, or remove what is too much."
    else:
        advice = f"Add the missing values, or leave them empty between the {delimiter}s."
    return DatasetUnreadable(
        f"Line {line} has {found} {'value' if found == 1 else 'values'}, but {first} {expected} "
        f"(the delimiter is a {delimiter}). {advice}"
    )


def _broken(line: int, cause: str) -> DatasetUnreadable:
    if "field limit" in cause:
        return cell_too_long(f"A value in the row that begins at line {line}")
    if "end of data" in cause:
        return DatasetUnreadable(
            f"A double quote is opened in the row that begins at line {line} and never closed. "
            "Close it, or double it where it belongs to the value.",
            cause=cause,
        )
    return DatasetUnreadable(
        f"In the row that begins at line {line}, a value goes on after its closing double quote. Double every "
        "double quote that belongs to a value.",
        cause=cause,
    )
