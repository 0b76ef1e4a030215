"""Seconds and peak memory from a large CSV file's first byte to its profile: `make bench`.

The file, 1 million rows of 20 columns (about 200 MB), is made in a temporary folder and removed. A process of its own
reads it, so that its peak is that of the reading alone.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from backend.datasets.ingest import ingest
from backend.datasets.options import AS_FOUND
from backend.datasets.uploads import received

ROWS_AT_ONCE = 50_000
WORDS = np.array(["amber", "blue", "crimson", "denim", "emerald", "fuchsia"])


def make_csv(path: Path, rows: int) -> None:
    """Identifiers, numbers, whole numbers, dates, booleans, categories and free text, with missing values."""
    random = np.random.default_rng(0)
    names = [f"{kind}_{place}" for kind, count in COLUMNS for place in range(count)]
    schema = None
    with path.open("wb") as file:
        for start in range(0, rows, ROWS_AT_ONCE):
            count = min(ROWS_AT_ONCE, rows - start)
            columns = [MAKERS[kind](random, start, count) for kind, times in COLUMNS for _ in range(times)]
            table = pa.table(columns, names)
            schema = schema or table.schema
            header = pyarrow.csv.WriteOptions(include_header=start == 0)
            pyarrow.csv.write_csv(table, file, header)


def _missing(random: np.random.Generator, values: np.ndarray) -> pa.Array:
    return pa.array(values, mask=random.random(len(values)) < 0.02)


COLUMNS = (("id", 1), ("number", 9), ("whole", 3), ("date", 2), ("flag", 1), ("word", 3), ("text", 1))
MAKERS = {
    "id": lambda r, start, n: pc.utf8_lpad(pc.cast(pa.array(np.arange(start, start + n)), pa.string()), 10, "0"),
    "number": lambda r, start, n: _missing(r, np.round(r.normal(size=n) * 1000, 6)),
    "whole": lambda r, start, n: _missing(r, r.integers(0, 1_000_000, n)),
    "date": lambda r, start, n: _missing(r, np.datetime64("2020-01-01") + r.integers(0, 2000, n)),
    "flag": lambda r, start, n: _missing(r, r.random(n) < 0.5),
    "word": lambda r, start, n: _missing(r, WORDS[r.integers(0, len(WORDS), n)]),
    "text": lambda r, start, n: pa.array(
        [f"comment {x}, with a comma and some more words" for x in r.integers(0, 10**9, n)]
    ),
}


def measure(path: Path) -> dict[str, float]:
    """Receive and ingest the file in this process."""
    began = time.monotonic()
    with path.open("rb") as stream, received(stream, path.parent / "uploads", 2**31) as upload:
        got = time.monotonic()
        made = ingest(upload.path, "large.csv", AS_FOUND, path.parent / "datasets" / "large.parquet")
    ended = time.monotonic()
    kinds = {column["type"] for column in made.columns}
    assert kinds == {"integer", "number", "boolean", "category", "text", "datetime"}, kinds
    return {
        "rows": made.rows,
        "receive_seconds": round(got - began, 2),
        "read_seconds": round(ended - got, 2),
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        make_csv(path, asked.rows)
        command = [sys.executable, __file__, "--measure", str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        print(json.dumps({"file_mb": round(path.stat().st_size / 1e6)} | json.loads(done.stdout)))


if __name__ == "__main__":
    main()
