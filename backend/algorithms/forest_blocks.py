"""Trees laid out whole, so that many rows go down one tree at once: a forest's nodes come in, tables of equal size a tree go out.

A tree of at most `DEPTH` steps is filled up to a complete one. All of its nodes are then compared for many rows, and the leaves
chosen from the bottom up: no branch, and no address that depends on a row. It is more comparing, and several times faster.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEPTH, ROWS = 6, 64
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
