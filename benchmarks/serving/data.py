"""The same questions for every server: one table to learn from, one row and a thousand rows to ask with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMNS = [f"x{place:02}" for place in range(30)]
TARGET = "label"
TREES, DEPTH = 100, 6
MANY = 1000
ONE, THOUSAND = "1 row", "1,000 rows"


def rows(count: int, seed: int) -> NDArray[np.float32]:
    """Numbers with four digits after the point, so that text and float32 are the same number everywhere."""
    return np.random.default_rng(seed).normal(size=(count, len(COLUMNS))).round(4).astype(np.float32)


def write_table(path: Path, count: int = 20_000) -> None:
    """Enough rows, and a rule winding enough, that a hundred trees are still learning."""
    X = rows(count, seed=1)
    noise = np.random.default_rng(2).normal(size=count)
    score = X[:, :10].sum(axis=1) + 2 * X[:, 10] * X[:, 11] - X[:, 12] ** 2 + 2 * np.sin(2 * X[:, 13]) + noise
    lines = [",".join([*COLUMNS, TARGET])]
    lines += [f"{text(row)},{label}" for row, label in zip(X, (score > -1).astype(int), strict=True)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def text(row: NDArray[np.float32]) -> str:
    return ",".join(str(value) for value in row)


def numbers(table: NDArray[np.float32]) -> list[list[float]]:
    """As JSON numbers: the shortest decimal that is that float32."""
    return [[float(str(value)) for value in row] for row in table]


def as_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def first(values: Sequence[Any]) -> float:
    """The first number of nested lists."""
    value: Any = values
    while isinstance(value, list):
        value = value[0]
    return float(value)
