"""A workbook comes in; one of its sheets goes out as a delimited text, made in a process of its own."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from backend.datasets.formats import Format
from backend.datasets.limits import MAX_COLUMNS, MAX_WORKBOOK, MEGABYTE
from backend.errors import DatasetUnreadable, TooLarge
from backend.settings import inherited

# A few bytes of a workbook can ask for any amount of memory (one cell in the last row and column), so that the
# reading process may have only so much, and only so much time.
MEMORY = 3 * 1024 * MEGABYTE
SECONDS = 300
_READER = Path(__file__).with_name("excel_reader.py")
_INHERITED = ("PATH", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
AS_CSV = "Save the sheet as CSV and send that."


def sheet_as_text(path: Path, kind: Format, sheet: str | None, notes: list[str]) -> Path:
    """The sheet, comma-delimited, in a new file beside the workbook; the first visible sheet where none is named."""
    if kind is not Format.XLS:
        _verify_unpacked(path)
    target = path.with_name("sheet.csv")
    said = _read(path, target, sheet)
    if "error" in said:
        raise DatasetUnreadable(said["error"], cause=said.get("cause"))
    if said["rows"] == 0:
        raise DatasetUnreadable(f"The sheet '{said['sheet']}' is empty.{_others(said)}")
    if said["others"] and sheet is None:
        notes.append(f"Only the sheet '{said['sheet']}' was read.{_others(said)}")
    return target


def _read(path: Path, target: Path, sheet: str | None) -> dict[str, Any]:
    """What the reading process said: the sheet's name, its rows and the other sheets, or an error."""
    wish = {"sheet": sheet, "memory": MEMORY, "seconds": SECONDS, "columns": MAX_COLUMNS}
    command = [sys.executable, "-I", str(_READER), str(path), str(target), json.dumps(wish)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=2 * SECONDS, check=False, env=inherited(_INHERITED))  # noqa: S603 - our own file, no shell
    except subprocess.TimeoutExpired as error:
        raise TooLarge(f"The workbook takes too long to read. {AS_CSV}", cause="timeout") from error
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        cause = f"exit {done.returncode}: {done.stderr[-500:].decode(errors='replace')}"
        raise DatasetUnreadable(
            f"The workbook needs too much memory or time to read, or is damaged. {AS_CSV}", cause=cause
        ) from error
    return said


def _verify_unpacked(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_WORKBOOK:
        raise TooLarge(f"The workbook unpacks to more than {MAX_WORKBOOK // MEGABYTE} MB. {AS_CSV}")


def _others(said: dict[str, Any]) -> str:
    names = ", ".join(f"'{name}'" for name in said["others"][:10])
    return f" Other sheets: {names}; name one to read it (option sheet)." if names else ""
