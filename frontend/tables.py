"""A file of rows to ask a model about: CSV or Parquet comes in, rows of JSON's values by name go out."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signet_client.types import Value

MOST_MB = 16
MOST_ROWS = 100_000
MOST_CELLS = 2_000_000
DELIMITERS = ",;\t|"
# The words that a dataset's reader takes as missing; a model that saw them so is asked so.
MISSING_WORDS = frozenset(
    ("", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "nat", "null", "(null)", "#null!", "none", "\\n")
)
_PARQUET_READER = Path(__file__).with_name("parquet_reader.py")
_LIMITS = {"memory": 2 << 30, "seconds": 30, "written": 128 << 20, "rows": MOST_ROWS}
_TOO_MUCH = "The Parquet file needs too much memory or time to read, or is damaged. Save it as CSV."
_TRUTHS = {"true": True, "false": False}
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


class TableUnreadable(Exception):
    """Why a file cannot be used, in words for the person who brought it."""


@dataclass(frozen=True)
class Table:
    """Named columns of text, row by row as they were in the file; `note` is what there is to know about how it was read."""

    names: list[str]
    rows: list[list[str]]
    note: str = ""


def read_table(path: Path) -> Table:
    """The Parquet file, or the CSV file with a header, of any common delimiter; TableUnreadable says what is wrong, and in which row."""
    text, note = _decoded(_as_text(path))
    delimiter = _delimiter(text)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        names = [name.strip() for name in next(lines, [])]
        _verify_names(names)
        rows: list[list[str]] = []
        for row in lines:
            if row:
                _verify_row(row, names, len(rows) + 1)
                rows.append(row)
    except csv.Error as error:
        raise TableUnreadable(f"Line {lines.line_num} cannot be read: {error}.") from error
    if not rows:
        raise TableUnreadable("The file holds no row below its header.")
    return Table(names, rows, note)


def model_rows(table: Table, properties: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Value]]:
    """What the model is asked, row by row; other columns of the file are left out. TableUnreadable names columns that lack."""
    lacking = [name for name in properties if name not in table.names]
    if lacking:
        raise TableUnreadable(f"The file lacks {_listed(lacking)}; it has {_listed(table.names)}.")
    taken = [(name, table.names.index(name), _reader(schema)) for name, schema in properties.items()]
    return [{name: read(row[place]) for name, place, read in taken} for row in table.rows]


def _as_text(path: Path) -> bytes:
    with path.open("rb") as file:
        if file.read(4) != b"PAR1":
            return path.read_bytes()
    target = path.with_name(f"{path.name}.text")
    target.touch(mode=0o600)
    command = [sys.executable, "-I", str(_PARQUET_READER), str(path), str(target), json.dumps(_LIMITS)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False, env={})  # noqa: S603 - our own file, no shell
        said = json.loads(done.stdout) if done.returncode == 0 else {"error": _TOO_MUCH}
        if "error" in said:
            raise TableUnreadable(said["error"])
        return target.read_bytes()
    except subprocess.TimeoutExpired as error:
        raise TableUnreadable(_TOO_MUCH) from error
    finally:
        target.unlink(missing_ok=True)


def _decoded(content: bytes) -> tuple[str, str]:
    if content[:4] == b"PK\x03\x04" or content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise TableUnreadable("This looks like a workbook. Save the sheet as CSV.")
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text, note = content.decode("utf-16" if wide else "utf-8-sig"), ""
    except UnicodeDecodeError:
        try:
            text, note = content.decode("cp1252"), "The text is not UTF-8 and was read as Windows-1252."
        except UnicodeDecodeError as error:
            raise TableUnreadable("The text is neither UTF-8 nor Windows-1252. Save it as UTF-8.") from error
    if "\0" in text:
        raise TableUnreadable("This is no CSV file: it holds bytes that no text has.")
    return text, note


def _delimiter(text: str) -> str:
    """The one that the header has most of, outside of quotes."""
    header = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").split("\n", 1)[0])
    counts = Counter({each: header.count(each) for each in DELIMITERS})
    return counts.most_common(1)[0][0]


def _verify_names(names: list[str]) -> None:
    if not any(names):
        raise TableUnreadable("The file has no header with the names of its columns.")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TableUnreadable(f"The header names {_listed(twice)} more than once.")


def _verify_row(row: list[str], names: list[str], number: int) -> None:
    if len(row) != len(names):
        raise TableUnreadable(f"Row {number} has {len(row)} values, the header has {len(names)}.")
    if number > MOST_ROWS:
        raise TableUnreadable(f"The file has more than {MOST_ROWS:,} rows. Split it, or ask from a program.")
    if number * len(names) > MOST_CELLS:
        raise TableUnreadable(f"The file has more than {MOST_CELLS:,} values. Split it, or ask from a program.")


def _reader(schema: Mapping[str, Any]) -> Callable[[str], Value]:
    """How a cell is read. What does not fit stays text, so that the platform says what is wrong with it."""
    kinds = schema.get("type")
    kind = next((each for each in kinds if each != "null"), "string") if isinstance(kinds, list) else kinds
    if kind in {"integer", "number"}:
        return _number
    return _truth if kind == "boolean" else _text


def _number(text: str) -> Value:
    plain = text.strip()
    if _WHOLE.fullmatch(plain):
        return int(plain)
    return float(plain) if _NUMBER.fullmatch(plain) else _text(plain)


def _truth(text: str) -> Value:
    return _TRUTHS.get(text.strip().lower(), _text(text))


def _text(text: str) -> Value:
    plain = text.strip()
    return None if plain.lower() in MISSING_WORDS else plain


def _listed(names: list[str], most: int = 12) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
