"""What each column contributed: exact, of any value that the model takes, and the same after the files are read back."""

from pathlib import Path

import numpy as np
import pytest

from backend.algorithms.boosting import GradientBoosting
from backend.algorithms.catalog import ALGORITHMS
from backend.algorithms.contract import Algorithm
from backend.algorithms.linear import LinearModel
from backend.algorithms.signature import Feature, Task
from backend.algorithms.trial import Trial, make_sample

TASKS: list[Task] = ["binary", "multiclass", "regression"]


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=list(ALGORITHMS))
@pytest.mark.parametrize("task", TASKS)
def test_they_are_the_same_after_loading_and_for_a_row_alone(
    algorithm: type[Algorithm], task: Task, tmp_path: Path
) -> None:
    model, X = Trial(algorithm, task).model, make_sample(task).X[:20]
    model.save(tmp_path)
    given, loaded = model.contributions(X), algorithm.load(tmp_path).contributions(X)
    assert given is not None
    assert loaded is not None
    assert np.array_equal(given, loaded)
    alone = model.contributions(X[3:4])
    assert alone is not None
    assert np.allclose(alone[0], given[3], rtol=1e-6, atol=1e-7)


def test_of_a_straight_line_they_are_slope_times_distance_from_the_mean() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) * [1.0, 10.0] + [5.0, -2.0]
    features = [Feature("a"), Feature("b")]
    model = LinearModel(task="regression", penalty=1e-6).fit(X, X @ [3.0, -0.5], features=features, n_classes=0)
    given = model.contributions(X)
    assert given is not None
    assert np.allclose(given[:, :2], (X - X.mean(axis=0)) * [3.0, -0.5], atol=1e-4)
    assert np.allclose(given[:, 2], (X @ [3.0, -0.5]).mean(), atol=1e-4)


def test_a_column_that_is_of_no_use_contributes_nothing() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=300), np.zeros(300)])
    features = [Feature("used"), Feature("constant")]
    model = GradientBoosting(task="regression").fit(X, 2 * X[:, 0], features=features, n_classes=0)
    given = model.contributions(X)
    assert given is not None
    assert not given[:, 1].any()
    assert np.corrcoef(given[:, 0], X[:, 0])[0, 1] > 0.99


def test_numbers_beyond_float32_are_answered() -> None:
    model = Trial(GradientBoosting, "binary").model
    X = np.full((2, len(make_sample("binary").features)), 1e300)
    X[:, 3] = 0.0
    given = model.contributions(X)
    assert given is not None
    assert np.isfinite(given).all()


def test_an_algorithm_need_not_tell_them() -> None:
    assert Algorithm.contributions(Trial(LinearModel, "binary").model, np.zeros((1, 10))) is None
