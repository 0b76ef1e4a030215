"""The compiled forest: XGBoost's own answers, the same bits for a row alone and among others, and no index that leaves its arrays."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from backend.algorithms import forest_kernel
from backend.algorithms.boosting import GradientBoosting
from backend.algorithms.contract import FormUnavailable, Matrix
from backend.algorithms.forest import CATEGORY, NODE, TREE, Forest
from backend.algorithms.signature import Task
from backend.algorithms.trial import make_sample
from backend.errors import Invalid

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
WIDTH = make_sample("binary").X.shape[1]
CATEGORICAL = 3

# Values of training, codes that no training saw, what float32 rounds or cannot hold, and missing ones.
CELLS = st.one_of(
    st.floats(-5, 5),
    st.integers(0, 40).map(float),
    st.floats(allow_nan=True, allow_infinity=False),
    st.sampled_from([np.nan, -1.0, 1e300, -1e300, 1e-320, -0.0]),
)


@cache
def model(task: Task, **choices: float) -> GradientBoosting:
    data = make_sample(task, rows=1500)
    made = GradientBoosting(task=task, seed=3, **(choices or {"n_estimators": 70}))
    return made.fit(data.X, data.y, features=data.features, n_classes=data.n_classes, validation=data.validation)


@cache
def forest(task: Task, **choices: float) -> Forest:
    found = model(task, **choices).compiled()
    assert isinstance(found, Forest)
    return found


def of_xgboost(task: Task, X: Matrix) -> Matrix:
    return model(task)._booster.inplace_predict(X, predict_type="margin").astype(np.float64)


@pytest.mark.parametrize("task", TASKS)
def test_it_answers_as_xgboost_does(task: Task) -> None:
    @given(hnp.arrays(np.float64, st.tuples(st.integers(1, 150), st.just(WIDTH)), elements=CELLS))
    @settings(max_examples=60, deadline=None)
    def agree(X: Matrix) -> None:
        given_, expected = forest(task).answers(X), model(task).answers(X)
        assert given_.dtype == np.float64
        assert np.abs(given_ - expected).max() <= 2e-7 * max(1.0, np.abs(expected).max())

    agree()


def test_a_regression_is_the_same_to_the_last_bit() -> None:
    X = make_sample("regression", rows=3000, seed=11).X
    assert forest("regression").answers(X).tobytes() == of_xgboost("regression", X).tobytes()


@pytest.mark.parametrize("task", TASKS)
def test_a_row_has_the_same_bits_alone_and_among_others(task: Task) -> None:
    @given(hnp.arrays(np.float64, st.tuples(st.integers(1, 140), st.just(WIDTH)), elements=CELLS), st.data())
    @settings(max_examples=60, deadline=None)
    def agree(X: Matrix, data: st.DataObject) -> None:
        together = forest(task).answers(X)
        row = data.draw(st.integers(0, len(X) - 1))
        assert forest(task).answers(X[row : row + 1])[0].tobytes() == together[row].tobytes()
        order = data.draw(st.permutations(range(len(X))))
        assert forest(task).answers(X[list(order)]).tobytes() == together[list(order)].tobytes()

    agree()


@pytest.mark.parametrize("task", TASKS)
def test_both_ways_to_call_give_the_same_bits_from_many_threads(task: Task) -> None:
    X = make_sample(task, rows=2000, seed=5).X
    alone = np.concatenate([forest(task).answers(X[i : i + 1]) for i in range(200)])
    with ThreadPoolExecutor(8) as pool:
        many = list(pool.map(lambda _: forest(task).answers(X), range(16)))
    assert len(X) * len(forest(task).trees) > 20_000, "long enough for Python's lock to be given back"
    assert {one.tobytes() for one in many} == {many[0].tobytes()}
    assert many[0][:200].tobytes() == alone.tobytes()


@pytest.mark.parametrize(
    "choices",
    [
        {"n_estimators": 1, "max_depth": 1},
        {"n_estimators": 20, "gamma": 2.0},  # pruned: some nodes of a tree are gone
        {"n_estimators": 20, "max_depth": 30, "min_child_weight": 0.0},
        {"n_estimators": 10, "reg_lambda": 1e12},  # nothing but stumps without a split
    ],
    ids=["one stump", "pruned", "deep", "flat"],
)
@pytest.mark.parametrize("task", TASKS)
def test_trees_of_every_shape(task: Task, choices: dict[str, float]) -> None:
    X = make_sample(task, rows=400, seed=2).X
    expected = model(task, **choices).answers(X)
    assert np.abs(forest(task, **choices).answers(X) - expected).max() <= 2e-7 * max(1.0, np.abs(expected).max())


def test_a_category_of_many_goes_the_way_that_xgboost_sends_it() -> None:
    rng = np.random.default_rng(4)
    X = np.column_stack([rng.integers(0, 700, 4000), rng.normal(size=4000)]).astype(np.float64)
    X[::9, 0] = np.nan
    y = np.where(np.nan_to_num(X[:, 0]) % 3 == 1, 1.0, -1.0) + 0.1 * X[:, 1]
    made = GradientBoosting(task="regression", n_estimators=20)
    made._booster = xgb.train(
        {"max_cat_to_onehot": 4}, xgb.QuantileDMatrix(X, y, feature_types=["c", "q"]), num_boost_round=20
    )
    found = made.compiled()
    assert isinstance(found, Forest)
    assert (found.nodes["column"] < 0).any()
    probes = np.column_stack([np.append(np.arange(800.0), np.nan), np.zeros(801)])
    assert found.answers(probes).tobytes() == made.predict(probes).tobytes()


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    X = make_sample("multiclass").X
    forest("multiclass").save(tmp_path)
    assert Forest.load(tmp_path).answers(X).tobytes() == forest("multiclass").answers(X).tobytes()


def test_no_rows_are_no_answers() -> None:
    assert forest("binary").answers(np.empty((0, WIDTH))).shape == (0, 2)
    assert forest("regression").answers(np.empty((0, WIDTH))).shape == (0,)


@pytest.mark.parametrize("shape", [(3, WIDTH - 1), (3, WIDTH + 1), (WIDTH,)])
def test_a_matrix_of_another_width_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(Invalid):
        forest("binary").answers(np.zeros(shape))


def test_rows_in_any_order_in_memory_are_read_alike() -> None:
    X = make_sample("binary").X
    expected = forest("binary").answers(X)
    assert forest("binary").answers(np.asfortranarray(X)).tobytes() == expected.tobytes()
    assert forest("binary").answers(X[::2]).tobytes() == expected[::2].tobytes()


def changed(part: str, name: str, where: str, value: Any) -> Forest:
    """The forest with one entry of its first leaf, inner node, category or tree changed."""
    found = forest("binary")
    array = getattr(found, part).copy()
    leaf = np.isnan(found.nodes["threshold"])
    picks = {"leaf": leaf, "inner": ~leaf & (found.nodes["column"] >= 0), "category": found.nodes["column"] < 0}
    array[name][int(np.flatnonzero(picks[where])[0]) if where in picks else 0] = value
    return replace(found, **{part: array})


DAMAGED = {
    "a child beyond the end": ("nodes", "left", "inner", 2**30),
    "a child before its parent": ("nodes", "left", "inner", -1),
    "a leaf that leads on": ("nodes", "threshold", "leaf", 0.0),
    "a leaf that is told to go right": ("nodes", "column", "leaf", 2**30),
    "a column beyond the row": ("nodes", "column", "inner", WIDTH),
    "a set before the first": ("nodes", "threshold", "category", np.int32(-1).view(np.float32)),
    "a set beyond the last": ("nodes", "threshold", "category", np.int32(2**30).view(np.float32)),
    "a set that never ends": ("nodes", "leaf", "category", np.int32(2**19).view(np.float32)),
    "a root beyond the end": ("trees", "root", "tree", 2**30),
    "a depth below zero": ("trees", "depth", "tree", -1),
    "an output that is not there": ("trees", "output", "tree", 2),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_an_index_that_leaves_its_array_is_refused_at_load(damage: tuple[str, str, str, Any]) -> None:
    with pytest.raises(Invalid, match="damaged"):
        changed(*damage)


def test_arrays_of_another_type_are_refused() -> None:
    found = forest("binary")
    for part in ({"base": found.base.astype(np.float64)}, {"trees": found.trees[:0]}, {"sets": found.sets[:, None]}):
        with pytest.raises(Invalid, match="damaged"):
            replace(found, **part)
    assert CATEGORY < 0
    assert (NODE.itemsize, TREE.itemsize) == (16, 12), "as `forest.ll` has them"


def test_a_machine_that_forbids_new_code_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError("Failed to allocate executable memory")

    monkeypatch.setattr(forest_kernel, "_compile", refuse)
    with pytest.raises(FormUnavailable):
        forest_kernel.get_kernel()


def test_a_forest_with_unusual_trees_stays_with_xgboost() -> None:
    data = make_sample("regression")
    made = GradientBoosting(task="regression")
    made._booster = xgb.train({"booster": "dart"}, xgb.DMatrix(data.X, data.y), num_boost_round=2)
    assert made.compiled() is None
    assert json.loads(made._booster.save_config())["learner"]["gradient_booster"]["name"] == "dart"


@pytest.mark.parametrize("task", TASKS)
def test_a_row_that_is_no_array_gets_the_same_bits(task: Task) -> None:
    one, X = forest(task), make_sample(task, rows=40).X
    for row in X:
        given = one.row_answers([None if value is None else float(value) for value in row])
        assert np.array(given).tobytes() == one.answers(row[None]).ravel().tobytes()


def test_a_row_that_takes_long_is_to_be_an_array() -> None:
    """Python's lock is kept for a row that is none."""
    long = replace(forest("binary"), trees=np.repeat(forest("binary").trees, 1000))
    assert long.row_answers([0.0] * WIDTH) is None


def test_it_says_for_how_many_rows_it_is_brief() -> None:
    """Rows that go down many trees at once are several times as quick as those that go one by one, and deep trees have more steps."""
    shallow = forest("binary", n_estimators=100, max_depth=6)
    deep = forest("binary", n_estimators=100, max_depth=12)
    most = [
        max(rows for rows in (0, 1, 10, 100, 1000, 10_000, 100_000) if one.is_brief(rows)) for one in (shallow, deep)
    ]
    assert most[0] >= most[1]
    assert 1 <= most[1] < 1000
    assert most[0] < 10_000
