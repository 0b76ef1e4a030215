"""Boosted trees: same input, same bytes; defaults as good as XGBoost's own; every way to predict agrees."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xgboost as xgb
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split

from backend.algorithms.boosting import GradientBoosting
from backend.algorithms.contract import Matrix, Vector
from backend.algorithms.signature import Feature, Task
from backend.algorithms.trial import Sample, Trial, make_sample
from backend.errors import InvalidFields, TrainingImpossible

REPOSITORY = Path(__file__).parents[2]
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


def fit(sample: Sample, task: Task, **hyperparameters: object) -> GradientBoosting:
    model = GradientBoosting(task=task, seed=3, **hyperparameters)
    return model.fit(
        sample.X, sample.y, features=sample.features, n_classes=sample.n_classes, validation=sample.validation
    )


@pytest.mark.parametrize("task", TASKS)
def test_same_data_choices_and_seed_give_the_same_bytes(task: Task, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        fit(make_sample(task, rows=1000), task).save(tmp_path / name)
        written.append((tmp_path / name / "model.ubj").read_bytes())
    assert written[0] == written[1]


TWICE_ON_TWO_THREADS = """
import sys
from pathlib import Path
from backend.algorithms.boosting import GradientBoosting
from backend.algorithms.trial import make_sample

for name in ("one", "two"):
    data, folder = make_sample("multiclass", rows=3000), Path(sys.argv[1]) / name
    folder.mkdir()
    model = GradientBoosting(task="multiclass", seed=3, threads=2, n_estimators=40)
    model.fit(data.X, data.y, features=data.features, n_classes=3, validation=data.validation).save(folder)
"""


def test_threads_do_not_change_the_bytes_either(tmp_path: Path) -> None:
    # A process of its own: the OpenMP variables of the tests hold every library to one thread.
    variables = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-c", TWICE_ON_TWO_THREADS, str(tmp_path)]
    subprocess.run(command, check=True, cwd=REPOSITORY, env=os.environ | variables, timeout=120)
    one, two = ((tmp_path / name / "model.ubj").read_bytes() for name in ("one", "two"))
    assert one == two


def test_another_seed_gives_another_model() -> None:
    sample = make_sample("regression")
    one = GradientBoosting(task="regression", seed=1).fit(sample.X, sample.y, features=sample.features, n_classes=0)
    two = GradientBoosting(task="regression", seed=2).fit(sample.X, sample.y, features=sample.features, n_classes=0)
    assert not np.array_equal(one.predict(sample.X), two.predict(sample.X))


@pytest.mark.parametrize("task", TASKS)
def test_the_serving_path_equals_the_library(task: Task, tmp_path: Path) -> None:
    """`inplace_predict` applies the base score and all rounds that were kept, just as a DMatrix does."""
    trial = Trial(GradientBoosting, task)
    trial.model.save(tmp_path)
    booster = xgb.Booster(model_file=tmp_path / "model.ubj")
    data = xgb.DMatrix(trial.sample.X, feature_types=["c" if one.categorical else "q" for one in trial.sample.features])
    expected = booster.predict(data).astype(np.float64)
    if task == "binary":
        expected = np.column_stack([1 - expected, expected])
    loaded = GradientBoosting.load(tmp_path)
    assert np.allclose(trial.answers(loaded, trial.sample.X), expected.reshape(len(expected), -1), rtol=1e-6)


def test_boosting_stops_at_the_best_round_and_learns_from_all_rows(tmp_path: Path) -> None:
    sample = make_sample("binary", rows=600)
    reports: list[tuple[float, dict[str, float]]] = []
    model = GradientBoosting(task="binary", seed=3)
    model.fit(
        sample.X,
        sample.y,
        features=sample.features,
        n_classes=2,
        validation=sample.validation,
        watch=lambda progress, metrics: reports.append((progress, dict(metrics))),
    )
    model.save(tmp_path)
    assert 5 < xgb.Booster(model_file=tmp_path / "model.ubj").num_boosted_rounds() < 500
    assert list(reports[0][1]) == ["logloss"]
    assert [progress for progress, _ in reports] == sorted(progress for progress, _ in reports)
    assert reports[-1][0] >= 0.5
    kept, without = model.predict_proba(sample.validation[0]), fit(sample, "binary").predict_proba(sample.validation[0])
    assert np.array_equal(kept, without)


def test_only_so_many_rows_are_worth_a_second_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = make_sample("regression")
    twice = fit(sample, "regression").predict(sample.X)
    monkeypatch.setattr("backend.algorithms.boosting.LEARN_FROM_VALIDATION_BELOW", 100)
    assert not np.array_equal(fit(sample, "regression").predict(sample.X), twice)


def test_loaded_models_compute_on_one_thread(tmp_path: Path) -> None:
    Trial(GradientBoosting, "binary").model.save(tmp_path)
    config = json.loads(GradientBoosting.load(tmp_path)._booster.save_config())
    assert config["learner"]["generic_param"]["nthread"] == "1"


def test_importances_find_what_matters_and_are_shares() -> None:
    trial = Trial(GradientBoosting, "regression")
    shares = trial.model.importances()
    assert shares is not None
    assert shares.sum() == pytest.approx(1.0)
    names = [trial.sample.features[position].name for position in np.argsort(-shares)[:2]]
    assert set(names) == {"size", "colour"}
    assert shares[-1] == 0.0, "a constant column teaches nothing"


def test_numbers_beyond_float32_are_learnt_from_and_predicted() -> None:
    sample = make_sample("regression")
    sample.X[:20, 0] = 1e300
    sample.y[:20] = 1000.0
    model = fit(sample, "regression")
    assert np.allclose(model.predict(sample.X[:20]), 1000.0, rtol=0.1)
    assert np.isfinite(model.predict(-sample.X[:20])).all()


def test_a_target_beyond_float32_is_refused_in_plain_words() -> None:
    sample = make_sample("regression")
    sample.y[0] = 1e300
    with pytest.raises(TrainingImpossible, match="beyond"):
        fit(sample, "regression")


def test_wrong_hyperparameters_are_all_named() -> None:
    with pytest.raises(InvalidFields) as caught:
        GradientBoosting(task="binary", max_depth=0, learning_rate="fast", n_estimators=1.5, colour="red")
    assert [problem.field for problem in caught.value.problems] == [
        "n_estimators",
        "learning_rate",
        "max_depth",
        "colour",
    ]


@pytest.mark.parametrize("weight", [float("inf"), float("nan"), True, "1"])
def test_a_hyperparameter_is_a_finite_number_and_nothing_like_one(weight: object) -> None:
    with pytest.raises(InvalidFields, match="min_child_weight"):
        GradientBoosting(task="binary", min_child_weight=weight)


def wine() -> tuple[Matrix, Vector]:
    return load_wine(return_X_y=True)


def cancer() -> tuple[Matrix, Vector]:
    return load_breast_cancer(return_X_y=True)


def diabetes() -> tuple[Matrix, Vector]:
    return load_diabetes(return_X_y=True)


@pytest.mark.parametrize(("load", "task"), [(wine, "multiclass"), (cancer, "binary"), (diabetes, "regression")])
def test_defaults_are_no_worse_than_those_of_the_library(load: Callable[[], tuple[Matrix, Vector]], task: Task) -> None:
    X, y = load()
    ours, plain = [], []
    for seed in range(3):
        stratify = None if task == "regression" else y
        X1, X2, y1, y2 = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=stratify)
        ours.append(error(task, y2, our_prediction(task, X1, y1, X2, seed)))
        plain.append(error(task, y2, plain_prediction(task, X1, y1, X2)))
    assert np.mean(ours) <= 1.01 * np.mean(plain)


def error(task: Task, y: Vector, predicted: Matrix) -> float:
    return float(root_mean_squared_error(y, predicted) if task == "regression" else log_loss(y, predicted))


def our_prediction(task: Task, X: Matrix, y: Vector, asked: Matrix, seed: int) -> Matrix:
    stratify = None if task == "regression" else y
    X1, X2, y1, y2 = train_test_split(X, y, test_size=0.2, random_state=seed, stratify=stratify)
    features = [Feature(str(i)) for i in range(X.shape[1])]
    n_classes = 0 if task == "regression" else int(y.max()) + 1
    model = GradientBoosting(task=task, seed=seed).fit(
        X1, y1, features=features, n_classes=n_classes, validation=(X2, y2)
    )
    return model.predict(asked) if task == "regression" else model.predict_proba(asked)


def plain_prediction(task: Task, X: Matrix, y: Vector, asked: Matrix) -> Matrix:
    if task == "regression":
        return xgb.XGBRegressor(n_jobs=1).fit(X, y).predict(asked)
    return xgb.XGBClassifier(n_jobs=1).fit(X, y).predict_proba(asked)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_loaded_model_predicts_with_as_many_threads_as_it_is_told(threads: int, tmp_path: Path) -> None:
    fit(make_sample("binary"), "binary", n_estimators=3).save(tmp_path)
    model = GradientBoosting.load(tmp_path)
    model.use_threads(threads)
    model.predict_proba(make_sample("binary").X)
    told = json.loads(model._booster.save_config())["learner"]["generic_param"]
    assert told["nthread"] == str(threads)
