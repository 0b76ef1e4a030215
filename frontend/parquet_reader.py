"""Run as a program: writes a Parquet file as CSV and says on standard output, as JSON, what was wrong with it.

It runs apart from the web app because a few bytes of Parquet can ask for more memory than there is, which ends the process.
"""

import csv
import datetime
import json
import resource
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BATCH = 1000


class Unfit(Exception):
    """A column whose values are no cells of a table."""


def main(path: str, target: str, limits: dict[str, int]) -> dict[str, str]:
    """Write the rows up to one more than `rows`; nothing is said where all went well."""
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["seconds"], limits["seconds"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["written"], limits["written"]))
    try:
        with Path(target).open("w", encoding="utf-8", newline="") as text:
            _write(pq.ParquetFile(path), csv.writer(text), limits["rows"])
    except Unfit as error:
        return {"error": str(error)}
    except (pa.ArrowException, OSError) as error:
        return {"error": "The Parquet file is damaged or too large.", "cause": repr(error)}
    return {}


def _write(file: pq.ParquetFile, writer: Any, most: int) -> None:
    names = file.schema_arrow.names
    writer.writerow(names)
    written = 0
    for batch in file.iter_batches(BATCH, use_threads=False):
        for row in batch.to_pylist():
            writer.writerow([_cell(name, row[name]) for name in names])
        written += len(batch)
        if written > most:
            return


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict | list | bytes):
        raise Unfit(f"The column '{name}' holds values that are neither text nor number.")
    return str(value)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
