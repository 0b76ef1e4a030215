"""One sheet of a workbook becomes CSV."""

import csv
import datetime
from pathlib import Path
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

WHOLE = 1e15  # up to here a spreadsheet's number is exact to its last digit


def write_sheet(path: Path, target: Path, wish: str | None, most_columns: int) -> dict[str, Any]:
    """Write the sheet that is wished for; the answer says which it was, how many rows it has, and what other sheets there are.

    A few bytes of a workbook can ask for any amount of memory (one cell in the last row and column), which ends the process.
    """
    try:
        with CalamineWorkbook.from_path(path) as book:
            sheets = _sheets(book)
            name = _chosen(sheets, wish)
            if name is None:
                listed = ", ".join(f"'{sheet}'" for sheet in sheets[:20])
                return {"error": f"The workbook has no sheet '{wish or ''}'. It has: {listed or 'none'}."}
            sheet = book.get_sheet_by_name(name)
            if sheet.width > most_columns:
                return {
                    "error": f"The sheet '{name}' has {sheet.width:,} columns; at most {most_columns:,} can be read."
                }
            rows = _write(sheet, target)
            return {"sheet": name, "rows": rows, "others": [other for other in sheets if other != name]}
    except PasswordError:
        return {"error": "The workbook is protected by a password. Remove the password and send it again."}
    except CalamineError as error:
        return {
            "error": "The workbook is damaged or not one that can be read. Save it again as xlsx.",
            "cause": str(error),
        }


def _sheets(book: CalamineWorkbook) -> list[str]:
    """The names of the sheets that hold cells, the visible ones first."""
    cells = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    return [sheet.name for sheet in sorted(cells, key=lambda sheet: sheet.visible != SheetVisibleEnum.Visible)]


def _chosen(sheets: list[str], wish: str | None) -> str | None:
    """The sheet of that name, or at that place counted from 1; the first where nothing is wished."""
    if wish is None or wish in sheets:
        return wish or (sheets[0] if sheets else None)
    place = int(wish) if wish.isascii() and wish.isdigit() and len(wish) < 6 else 0
    return sheets[place - 1] if 0 < place <= len(sheets) else None


def _write(sheet: CalamineSheet, target: Path) -> int:
    rows = 0
    with target.open("x", encoding="utf-8", newline="") as file:
        out = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for row in sheet.iter_rows():
            cells = [_text(cell) for cell in row]
            if any(cells):
                out.writerow(cells)
                rows += 1
    return rows


def _text(cell: Any) -> str:
    """A cell as a text from which its value can be read back."""
    if isinstance(cell, str):
        return cell.replace("\0", " ").strip()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < WHOLE else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.isoformat()
    return str(cell)
