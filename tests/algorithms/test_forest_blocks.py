"""Many rows at once: the same bits as one row after the other, whatever the trees and the rows are."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from backend.algorithms import forest as forest_module
from backend.algorithms.contract import Matrix
from backend.algorithms.flattening import flatten
from backend.algorithms.forest import Forest
from backend.algorithms.forest_blocks import COLUMN, DEPTH, INNER, LEAVES, ROWS, lay_out
from backend.algorithms.forest_kernel import build_kernel, get_kernel

WIDTH = 4
CELLS = st.one_of(st.floats(-3, 3), st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -0.0]))


def grown(depth: int, trees: int = 12) -> Forest:
    """Learnt from gaps that mean something, so that what is missing goes left in some nodes and right in others."""
    rng = np.random.default_rng(depth)
    X = rng.normal(size=(600, WIDTH))
    X[rng.random(X.shape) < 0.2] = np.nan
    y = np.nan_to_num(X[:, 0], nan=2.0) + np.isnan(X[:, 1]) * np.nan_to_num(X[:, 2]) + rng.normal(size=600) / 4
    choices = {"max_depth": depth, "min_child_weight": 0, "verbosity": 0, "nthread": 1}
    found = flatten(xgb.train(choices, xgb.QuantileDMatrix(X, y), num_boost_round=trees), "regression")
    assert found is not None
    return found


def joined(*parts: Forest) -> Forest:
    """All their trees in one forest."""
    nodes, trees, first = [], [], 0
    for part in parts:
        moved, entries = part.nodes.copy(), part.trees.copy()
        moved["left"] += first
        entries["root"] += first
        nodes.append(moved)
        trees.append(entries)
        first += len(moved)
    return replace(parts[0], nodes=np.concatenate(nodes), trees=np.concatenate(trees))


def places(forest: Forest) -> NDArray[np.int32]:
    return lay_out(forest.nodes, forest.trees["root"], forest.width).places


def one_by_one(forest: Forest, X: Matrix) -> bytes:
    return b"".join(forest.answers(X[row : row + 1]).tobytes() for row in range(len(X)))


KINDS = ("shallow", "as deep as a table", "too deep", "of both kinds")


@cache
def made(kind: str) -> Forest:
    depths = {
        "shallow": [2],
        "as deep as a table": [DEPTH],
        "too deep": [DEPTH + 3],
        "of both kinds": [DEPTH, DEPTH + 3, 1],
    }
    return joined(*map(grown, depths[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_many_rows_get_the_bits_of_each_alone(kind: str) -> None:
    forest = made(kind)

    @given(hnp.arrays(np.float64, st.tuples(st.integers(1, 3 * ROWS), st.just(WIDTH)), elements=CELLS))
    @settings(max_examples=40, deadline=None)
    def agree(X: Matrix) -> None:
        assert forest.answers(X).tobytes() == one_by_one(forest, X)

    agree()


def widened(width: int, lanes: int) -> Forest:
    """The same trees over columns that lie further apart, in a kernel of so many lanes."""
    forest = made("of both kinds")
    nodes = forest.nodes.copy()
    further = np.array([0, width // 2, width - 2, width - 1])
    columns = nodes["column"] & COLUMN
    nodes["column"] += (further[columns] - columns) * (nodes["left"] != np.arange(len(nodes)))
    found = replace(forest, nodes=nodes, width=width)
    get_kernel()
    vars(found)["_kernel"] = build_kernel(lanes)
    return found


@pytest.mark.parametrize("lanes", [32, 64])
@pytest.mark.parametrize("width", [4, 7, 8, 9, 16, 30])
def test_rows_of_every_width_and_number_are_turned(width: int, lanes: int) -> None:
    forest = widened(width, lanes)
    rng = np.random.default_rng(width)
    for count in (8, 9, 15, 16, 39, 40, 63, 64, 65, 2 * ROWS + 33):
        X = rng.normal(size=(count, width))
        X[rng.random(X.shape) < 0.1] = np.nan
        assert forest.answers(X).tobytes() == one_by_one(forest, X), count


def test_both_directions_of_what_is_missing_occur() -> None:
    columns = made("as deep as a table").nodes["column"]
    assert 0 < np.count_nonzero(columns >= 2**30) < np.count_nonzero(columns < 2**30)


def test_which_trees_have_a_table() -> None:
    assert (places(made("as deep as a table")) >= 0).all()
    assert (places(made("too deep")) == -1).any()
    both = places(made("of both kinds"))
    assert sorted(both[both >= 0]) == list(range(np.count_nonzero(both >= 0)))
    assert (both[:12] >= 0).all()
    assert (both[-12:] >= 0).all()
    assert (both == -1).any()


def test_a_threshold_that_is_not_finite_keeps_a_tree_from_the_tables() -> None:
    """What is missing is laid out as an infinity, which must lie beyond every threshold."""
    forest = made("shallow")
    nodes = forest.nodes.copy()
    nodes["threshold"][forest.trees["root"][3]] = -np.inf
    assert list(np.flatnonzero(places(replace(forest, nodes=nodes)) == -1)) == [3]


def test_tables_are_of_one_size() -> None:
    forest = made("shallow")
    blocks = lay_out(forest.nodes, forest.trees["root"], WIDTH)
    assert blocks.thresholds.shape == blocks.columns.shape == (12, INNER + 1)
    assert blocks.leaves.shape == (12, LEAVES)
    assert blocks.columns.max() < 2 * WIDTH * ROWS
    assert lay_out(forest.nodes, forest.trees["root"], 2**20).is_empty


def test_few_rows_go_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    forest, X = made("as deep as a table"), np.random.default_rng(1).normal(size=(40, WIDTH))
    at_once = forest.answers(X)
    monkeypatch.setattr(forest_module, "_MANY", 41)
    assert forest.answers(X).tobytes() == at_once.tobytes()
