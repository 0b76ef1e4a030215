"""Linear models: what scikit-learn would give on clean data, and sensible where data is not clean."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from backend.algorithms.linear import LinearModel
from backend.algorithms.scaling import Scaling
from backend.algorithms.signature import Feature
from backend.errors import InvalidFields, TrainingImpossible

random = np.random.default_rng(0)
X = random.normal(size=(200, 4)) * [1.0, 10.0, 0.1, 5.0] + [0.0, 100.0, 0.0, -3.0]
SIGNAL = X @ [1.0, -0.2, 8.0, 0.1]
NUMBERS = [Feature(name) for name in "abcd"]


def test_regression_equals_ridge_on_standardised_numbers() -> None:
    y = SIGNAL + random.normal(size=200)
    model = LinearModel(task="regression").fit(X, y, features=NUMBERS, n_classes=0)
    expected = make_pipeline(StandardScaler(), Ridge(1.0)).fit(X, y).predict(X)
    assert np.allclose(model.predict(X), expected, rtol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classification_equals_logistic_regression_on_standardised_numbers(n_classes: int) -> None:
    y = np.searchsorted(np.quantile(SIGNAL, np.linspace(0, 1, n_classes + 1)[1:-1]), SIGNAL)
    task = "binary" if n_classes == 2 else "multiclass"
    model = LinearModel(task=task).fit(X, y, features=NUMBERS, n_classes=n_classes)
    expected = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y).predict_proba(X)
    assert np.allclose(model.predict_proba(X), expected, atol=1e-5)


def test_a_gap_counts_as_the_mean_and_a_mark_of_its_own() -> None:
    numbers = np.array([[1.0, 0.0], [3.0, 1.0], [np.nan, 2.0]])
    scaling = Scaling.fit(numbers, [Feature("a"), Feature("b", categorical=True, categories=("x", "y", "z"))], 10)
    assert scaling.transform(numbers).tolist() == [[-1, 0, 1, 0, 0], [1, 0, 0, 1, 0], [0, 1, 0, 0, 1]]
    assert scaling.transform(np.array([[2.0, np.nan]])).tolist() == [[0, 0, 0, 0, 0]]


def test_only_the_most_frequent_categories_get_a_weight() -> None:
    codes = np.array([[2.0]] * 5 + [[0.0]] * 3 + [[1.0]])
    scaling = Scaling.fit(codes, [Feature("a", categorical=True, categories=("x", "y", "z", "never"))], 2)
    assert scaling.hot_codes.tolist() == [0, 2]


def test_constant_empty_and_enormous_columns_stay_finite() -> None:
    odd = np.column_stack([np.ones(50), np.full(50, np.nan), 1e300 * random.normal(size=50), np.full(50, 1e-320)])
    y = random.normal(size=50)
    model = LinearModel(task="regression").fit(odd, y, features=NUMBERS, n_classes=0)
    assert np.isfinite(model.predict(odd)).all()
    assert np.isfinite(model.predict(np.full((1, 4), 1e308))).all()
    assert np.isfinite(model.predict(np.full((1, 4), -1e308))).all()


def test_a_constant_target_is_predicted_as_it_is() -> None:
    model = LinearModel(task="regression").fit(X, np.full(200, 5.0), features=NUMBERS, n_classes=0)
    assert np.allclose(model.predict(X), 5.0)


def test_a_class_without_a_row_is_refused_in_plain_words() -> None:
    with pytest.raises(TrainingImpossible, match="no row"):
        LinearModel(task="multiclass").fit(X, np.arange(200) % 2, features=NUMBERS, n_classes=3)


def test_files_are_numbers_and_json(tmp_path: Path) -> None:
    LinearModel(task="regression").fit(X, SIGNAL, features=NUMBERS, n_classes=0).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.npz", "parameters.json"]
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_out_of_bounds_is_refused_by_name(seed: int) -> None:
    with pytest.raises(InvalidFields, match="seed"):
        LinearModel(task="regression", seed=seed)
