"""Trees laid out whole, so that many rows go down one tree at once: a forest's nodes come in, tables of equal size a tree go out.

A tree of at most `DEPTH` steps is filled up to a complete one. All of its nodes are then compared for `LANES` rows, and the leaves
chosen from the bottom up: no branch, and no address that depends on a row. It is more comparing, and several times faster.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEPTH, LANES, ROWS = 6, 32, 64
INNER, LEAVES = 2**DEPTH - 1, 2**DEPTH
# Tables of more trees would outgrow the caches, and one row at a time is then as fast.
MOST_TREES = 10_000
COLUMN = 2**30 - 1  # of a node's `column`: the bits beside its flags


@dataclass(frozen=True, eq=False)
class Blocks:
    """`places` says which table a tree has, -1 for none; each table has `INNER` thresholds and columns (and one spare), and `LEAVES` leaves.

    A column is an offset in the rows as the kernel turns them: columns by `ROWS` rows, first with what is missing as the
    smallest number (it goes left), then all columns again with what is missing as the largest (it goes right).
    """

    places: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    columns: NDArray[np.int32]
    leaves: NDArray[np.float32]

    @property
    def is_empty(self) -> bool:
        return len(self.leaves) == 0


def lay_out(nodes: NDArray[Any], roots: NDArray[np.int32], width: int) -> Blocks:
    """The tables of those trees that are shallow, have no categories and only finite thresholds."""
    found = _descend(nodes, roots[:MOST_TREES].astype(np.int64))
    inner, ends = found[:, :INNER], found[:, INNER:]
    is_leaf = nodes["left"][inner] == inner
    thresholds = np.where(is_leaf, np.float32(0), nodes["threshold"][inner])
    flagged = np.where(is_leaf, 0, nodes["column"][inner])
    fits = (nodes["left"][ends] == ends).all(axis=1) & (flagged >= 0).all(axis=1) & np.isfinite(thresholds).all(axis=1)
    columns = (flagged & COLUMN).astype(np.int64) + width * (flagged > COLUMN)
    fits &= width < 2**20
    places = np.full(len(roots), -1, dtype=np.int32)
    places[np.flatnonzero(fits)] = np.arange(np.count_nonzero(fits))
    spare = ((0, 0), (0, LEAVES - INNER))
    return Blocks(
        places=places,
        thresholds=np.pad(thresholds[fits], spare).astype(np.float32),
        columns=np.pad(columns[fits] * ROWS, spare).astype(np.int32),
        leaves=np.ascontiguousarray(nodes["leaf"][ends[fits]], dtype=np.float32),
    )


def _descend(nodes: NDArray[Any], roots: NDArray[np.int64]) -> NDArray[np.int64]:
    """The node at each place of a complete tree; below a leaf there is that leaf again."""
    found = np.empty((len(roots), INNER + LEAVES), dtype=np.int64)
    found[:, 0] = roots
    for place in range(INNER):
        here = found[:, place]
        left = nodes["left"][here].astype(np.int64)
        found[:, 2 * place + 1] = left
        found[:, 2 * place + 2] = np.where(left == here, here, left + 1)
    return found


def kernel_text() -> str:
    """The function `add_at_once` in LLVM's text, with every node of a complete tree written out."""
    return "\n".join([_HEAD, *_node(0), _END])


_VECTOR, _MASK = f"<{LANES} x float>", f"<{LANES} x i1>"
_HEAD = f"""
; Adds the leaves of one tree, that {LANES} rows come to, to their sums; the rows are turned as `forest_blocks.py` says.
define internal void @add_at_once(ptr noalias %thresholds, ptr noalias %columns, ptr noalias %leaves, ptr noalias %rows,
                                  ptr noalias %sums) noinline {{"""
_END = f"""\
  %before = load {_VECTOR}, ptr %sums, align 4
  %after = fadd {_VECTOR} %before, %v0
  store {_VECTOR} %after, ptr %sums, align 4
  ret void
}}
"""


def _node(place: int) -> Iterator[str]:
    """Below a node first, then the node: `%v{{place}}` is what the rows get that pass through it."""
    left, right = 2 * place + 1, 2 * place + 2
    if place >= INNER:
        yield from _spread(f"v{place}", "leaves", place - INNER)
        return
    yield from _node(left)
    yield from _node(right)
    yield from _spread(f"t{place}", "thresholds", place)
    yield f"""\
  %c{place}.at = getelementptr i32, ptr %columns, i64 {place}
  %c{place} = load i32, ptr %c{place}.at
  %o{place} = zext i32 %c{place} to i64
  %x{place}.at = getelementptr float, ptr %rows, i64 %o{place}
  %x{place} = load {_VECTOR}, ptr %x{place}.at, align 4
  %g{place} = fcmp oge {_VECTOR} %x{place}, %t{place}
  %v{place} = select {_MASK} %g{place}, {_VECTOR} %v{right}, {_VECTOR} %v{left}"""


def _spread(name: str, table: str, place: int) -> Iterator[str]:
    """One number of a table, in every lane."""
    yield f"""\
  %{name}.at = getelementptr float, ptr %{table}, i64 {place}
  %{name}.one = load float, ptr %{name}.at
  %{name}.first = insertelement {_VECTOR} poison, float %{name}.one, i64 0
  %{name} = shufflevector {_VECTOR} %{name}.first, {_VECTOR} poison, <{LANES} x i32> zeroinitializer"""
