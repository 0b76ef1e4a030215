"""A boosted forest as flat arrays of numbers, predicted by compiled code: rows come in, numbers or shares go out."""

import ctypes
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from backend.algorithms.contract import Form, Matrix
from backend.algorithms.forest_blocks import COLUMN, ROWS, Blocks, lay_out
from backend.algorithms.forest_kernel import Kernel, get_kernel
from backend.errors import Invalid

NODE = np.dtype([("threshold", "<f4"), ("column", "<i4"), ("left", "<i4"), ("leaf", "<f4")])
TREE = np.dtype([("root", "<i4"), ("depth", "<i4"), ("output", "<i4")])
CATEGORY, MISSING_GOES_RIGHT = -(2**31), 2**30
MOST_OUTPUTS = 1024  # the kernel keeps 64 rows of them on its stack
_FILE = "forest.npz"
# Visits of a tree; with more of them other threads may run meanwhile.
_BRIEF = 20_000
# What takes half a millisecond: visits of a tree by many rows at once, and steps of rows that go by themselves.
_BRIEF_AT_ONCE, _BRIEF_STEPS = 250_000, 150_000
# With fewer rows each goes down the trees by itself.
_MANY = 8
_LINE = 64  # bytes of a cache line


@dataclass(frozen=True, eq=False)
class Forest(Form):
    """`nodes` of all trees, `sets` of categories that go right (bits), `trees`, and one base value an output.

    `shares` says whether the outputs are scores of classes, to be made shares of 1. What the fields mean stands in `forest.ll`.
    """

    name: ClassVar[str] = "compiled forest"

    nodes: NDArray[Any]
    sets: NDArray[np.uint32]
    trees: NDArray[Any]
    base: NDArray[np.float32]
    width: int
    shares: bool

    def __post_init__(self) -> None:
        """Invalid unless every index stays inside; the kernel believes them."""
        if not (_has_types(self) and _is_whole(self)):
            raise Invalid("The compiled form of the model is damaged.")

    def answers(self, X: Matrix) -> Matrix:
        X = np.ascontiguousarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != self.width:
            raise Invalid(f"The model takes {self.width} columns.")
        out = np.empty((len(X), len(self.base)))
        kernel, header = self._kernel, self._header
        predict = kernel.briefly if len(X) * len(self.trees) < _BRIEF else kernel.at_length
        turned = header.room() if len(X) >= _MANY else None
        address = None if turned is None else turned.ctypes.data + -turned.ctypes.data % _LINE
        predict(header.address, X.ctypes.data, len(X), out.ctypes.data, address)
        return out if self.shares else out[:, 0]

    def row_answers(self, row: Sequence[float]) -> Sequence[float] | None:
        """Without an array: to make one, and to ask for its address, takes longer than the trees."""
        if self._steps > _BRIEF_STEPS:
            return None
        kernel, header, out = self._kernel, self._header, self._row_of_answers()
        kernel.packed(header.address, self._pack(*row), 1, out, None)
        return out[:]

    def is_brief(self, rows: int) -> bool:
        if rows >= _MANY and self._header.is_whole:
            return rows * len(self.trees) <= _BRIEF_AT_ONCE
        return rows * self._steps <= _BRIEF_STEPS

    def save(self, folder: Path) -> None:
        np.savez(
            folder / _FILE, allow_pickle=False, **{field.name: getattr(self, field.name) for field in fields(self)}
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        get_kernel()
        with np.load(folder / _FILE, allow_pickle=False) as arrays:
            found: dict[str, Any] = dict(arrays)
        return cls(**{**found, "width": int(found["width"]), "shares": bool(found["shares"])})

    @cached_property
    def _steps(self) -> int:
        """Down all trees, of one row."""
        return int(self.trees["depth"].sum())

    @cached_property
    def _pack(self) -> Callable[..., bytes]:
        return struct.Struct(f"{self.width}d").pack

    @cached_property
    def _row_of_answers(self) -> type["ctypes.Array[ctypes.c_double]"]:
        return ctypes.c_double * len(self.base)

    @cached_property
    def _kernel(self) -> Kernel:
        return get_kernel()

    @cached_property
    def _header(self) -> "_Header":
        mixed = bool((self.nodes["column"] < 0).any())
        parts = (self.nodes, self.sets, self.trees, self.base)
        counts = (len(self.trees), self.width, len(self.base), int(mixed), int(self.shares))
        return _Header(parts, counts, lay_out(self.nodes, self.trees["root"], self.width), self.width)


class _Header:
    """What the kernel is told of a forest: addresses and numbers in a row."""

    def __init__(self, parts: Sequence[NDArray[Any]], counts: Sequence[int], blocks: Blocks, width: int) -> None:
        self._blocks = blocks  # owns what the addresses lead to
        tables = (blocks.places, blocks.thresholds, blocks.columns, blocks.leaves)
        words = [*_addresses(parts), *counts, *_addresses(tables)]
        self._words = np.array(words, dtype=np.int64)
        self.is_whole = bool((blocks.places >= 0).all())
        self._bytes = 2 * width * ROWS * 4 + _LINE
        self.address = self._words.ctypes.data

    def room(self) -> NDArray[np.uint8] | None:
        """Where one call may lay rows out by columns, from a cache line's start; None where no tree has use for that."""
        return None if self._blocks.is_empty else np.empty(self._bytes, dtype=np.uint8)


def _addresses(arrays: Iterable[NDArray[Any]]) -> list[int]:
    return [array.ctypes.data for array in arrays]


def _has_types(forest: Forest) -> bool:
    expected = [(forest.nodes, NODE), (forest.sets, "<u4"), (forest.trees, TREE), (forest.base, "<f4")]
    return all(
        part.dtype == kind and part.ndim == 1 and part.flags.c_contiguous and len(part) for part, kind in expected
    )


def _is_whole(forest: Forest) -> bool:
    nodes, trees, outputs = forest.nodes, forest.trees, len(forest.base)
    here, left = np.arange(len(nodes)), nodes["left"].astype(np.int64)
    is_leaf = (left == here) & np.isnan(nodes["threshold"]) & (nodes["column"] == 0)
    columns = nodes["column"] & COLUMN
    is_category = nodes["column"] < 0
    offsets = nodes["threshold"].view(np.int32)[is_category].astype(np.int64)
    words = nodes["leaf"].view(np.int32)[is_category].astype(np.int64)
    return bool(
        (is_leaf | ((left > here) & (left + 1 < len(nodes)))).all()
        and (columns < forest.width).all()
        and ((offsets >= 0) & (words > 0) & (words < 2**20) & (offsets + words <= len(forest.sets))).all()
        and ((trees["root"] >= 0) & (trees["root"] < len(nodes)) & (trees["depth"] >= 0)).all()
        and ((trees["output"] >= 0) & (trees["output"] < outputs)).all()
        and outputs <= MOST_OUTPUTS
        and (forest.shares or outputs == 1)
    )
