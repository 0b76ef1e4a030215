"""Run as a program: writes one sheet of a workbook as CSV and says on standard output what it did, as one JSON object.

It runs apart from the platform because a workbook can ask for more memory than there is, which ends the process.
"""

import csv
import datetime
import json
import resource
import sys
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


def main(path: str, target: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Write the sheet that is wished for; the answer says which it was, how many rows it has, and what other sheets there are."""
    resource.setrlimit(resource.RLIMIT_AS, (wish["memory"], wish["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (wish["seconds"], wish["seconds"]))
    try:
        with CalamineWorkbook.from_path(path) as book:
            sheets = _sheets(book)
            name = _chosen(sheets, wish["sheet"])
            if name is None:
                listed = ", ".join(f"'{sheet}'" for sheet in sheets[:20])
                return {"error": f"The workbook has no sheet '{wish['sheet'] or ''}'. It has: {listed or 'none'}."}
            sheet = book.get_sheet_by_name(name)
            if sheet.width > wish["columns"]:
                return {
                    "error": f"The sheet '{name}' has {sheet.width:,} columns; at most {wish['columns']:,} can be read."
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


def _write(sheet: CalamineSheet, target: str) -> int:
    rows = 0
    with Path(target).open("x", encoding="utf-8", newline="") as file:
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


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
