"""A workbook comes in; one of its sheets goes out as a delimited text."""

import zipfile
from pathlib import Path
from typing import Any

from backend.datasets.excel_reader import write_sheet
from backend.datasets.formats import Format
from backend.datasets.limits import MAX_COLUMNS, MAX_WORKBOOK, MEGABYTE
from backend.errors import DatasetUnreadable, TooLarge

AS_CSV = "Save the sheet as CSV and send that."


def sheet_as_text(path: Path, kind: Format, sheet: str | None, notes: list[str]) -> Path:
    """The sheet, comma-delimited, in a new file beside the workbook; the first visible sheet where none is named."""
    if kind is not Format.XLS:
        _verify_unpacked(path)
    target = path.with_name("sheet.csv")
    said = write_sheet(path, target, sheet, MAX_COLUMNS)
    if "error" in said:
        raise DatasetUnreadable(said["error"], cause=said.get("cause"))
    if said["rows"] == 0:
        raise DatasetUnreadable(f"The sheet '{said['sheet']}' is empty.{_others(said)}")
    if said["others"] and sheet is None:
        notes.append(f"Only the sheet '{said['sheet']}' was read.{_others(said)}")
    return target


def _verify_unpacked(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_WORKBOOK:
        raise TooLarge(f"The workbook unpacks to more than {MAX_WORKBOOK // MEGABYTE} MB. {AS_CSV}")


def _others(said: dict[str, Any]) -> str:
    names = ", ".join(f"'{name}'" for name in said["others"][:10])
    return f" Other sheets: {names}; name one to read it (option sheet)." if names else ""
