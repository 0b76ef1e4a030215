"""What the reader does with a file: a descriptor with a wish comes in, one line of JSON in another descriptor goes out, bytes after it.

The wish is one line of JSON too, and after it what is to be read, where that is no file of its own.
"""

import json
import mmap
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from backend.algorithms.encoding import encode_table
from backend.algorithms.signature import column_from_json
from backend.datasets.ingest import ingest
from backend.datasets.options import ReadOptions
from backend.errors import InvalidFields, SignetError
from backend.protocols.parquet_table import parse_parquet

_Said = tuple[dict[str, Any], memoryview]
_NOTHING = memoryview(b"")


def _ingest(wish: dict[str, Any], _body: memoryview) -> _Said:
    """An upload becomes a dataset's file beside it."""
    options = ReadOptions(**wish["options"])
    made = ingest(
        Path(wish["path"]), wish["filename"], options, Path(wish["target"]), most_columns=wish["most_columns"]
    )
    return asdict(made), _NOTHING


def _encode(wish: dict[str, Any], body: memoryview) -> _Said:
    """A Parquet body becomes the matrix that the model sees, as float64 row by row."""
    columns = [column_from_json(column) for column in wish["columns"]]
    names = frozenset(column.name for column in columns)
    table = parse_parquet(pa.py_buffer(body), names, max_rows=wish["max_rows"], limit=wish["limit"])
    matrix = encode_table(columns, table)
    return {"rows": len(matrix)}, matrix.data.cast("B")


_Task = Callable[[dict[str, Any], memoryview], _Said]


def _run(task: _Task, wish: int, answer: int) -> None:
    # Never unmapped: what libraries still hold of it may be used until the process ends.
    given = mmap.mmap(wish, 0, access=mmap.ACCESS_READ)
    end = given.find(b"\n")
    try:
        made, rest = task(json.loads(given[:end]), memoryview(given)[end + 1 :])
        said = {"made": made}
    except SignetError as error:
        said, rest = {"refused": _refusal(error)}, _NOTHING
    with os.fdopen(answer, "wb") as file:
        file.write(json.dumps(said).encode() + b"\n")
        file.write(rest)


def _refusal(error: SignetError) -> dict[str, Any]:
    """An error in the form in which it passes from one process to another."""
    problems = [asdict(problem) for problem in error.problems] if isinstance(error, InvalidFields) else []
    return {"kind": type(error).__name__, "detail": error.detail, "cause": error.cause, "problems": problems}


TASKS: Mapping[str, Callable[[int, int], None]] = {"ingest": partial(_run, _ingest), "encode": partial(_run, _encode)}
