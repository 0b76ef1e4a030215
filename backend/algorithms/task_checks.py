"""What the contract asks of a model, tried on one task; each check raises NotConforming with the reason, or returns."""

import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from backend.algorithms.contract import Algorithm, Matrix
from backend.algorithms.manifest import fingerprint
from backend.algorithms.pickles import verify_no_pickle
from backend.algorithms.probe import TOLERANCE, choose_rows, difference
from backend.algorithms.signature import SIGNATURE_FILE
from backend.algorithms.trial import Trial
from backend.algorithms.verdict import NotConforming, require, require_invalid


class StopHere(Exception):
    """What the watch raises to see whether a fit stops."""


def fits_and_predicts(trial: Trial) -> None:
    data = trial.sample
    fresh = trial.cls(task=trial.task)
    fitted = fresh.fit(data.X.copy(), data.y.copy(), features=data.features, n_classes=data.n_classes)
    require(fitted is fresh, "fit does not return self")
    _verify_predictions(trial, fresh, data.X)
    _verify_predictions(trial, trial.model, np.full((2, len(data.features)), np.nan))


def learns(trial: Trial) -> None:
    X, y = trial.sample.X, trial.sample.y
    given = trial.model.predict(X.copy())
    if trial.task == "regression":
        require(np.mean((given - y) ** 2) < np.var(y), "it predicts no better than the mean")
    else:
        require(
            np.mean(given == y) > np.bincount(y).max() / len(y), "it predicts no better than the most frequent class"
        )


def gives_probabilities(trial: Trial) -> None:
    if trial.task == "regression":
        require_invalid(lambda: trial.model.predict_proba(trial.sample.X), "predict_proba of a regression")
        return
    given = trial.model.predict_proba(trial.sample.X.copy())
    require(given.shape == (len(trial.sample.X), trial.sample.n_classes), f"the shape is {given.shape}")
    require(given.dtype == np.float64, f"the type is {given.dtype}, not float64")
    require(np.all((given >= 0) & (given <= 1)), "a probability is not between 0 and 1")
    require(np.allclose(given.sum(axis=1), 1.0, rtol=0, atol=1e-9), "a row does not sum to 1")
    same = trial.model.predict(trial.sample.X.copy()) == given.argmax(axis=1)
    require(np.all(same), "predict is not the most probable class")


def gives_importances(trial: Trial) -> None:
    given = trial.model.importances()
    if given is not None:
        require(given.shape == (len(trial.sample.features),), f"the shape is {given.shape}, not one value a feature")
        require(np.all(np.isfinite(given) & (given >= 0)), "a value is negative or not finite")


def is_reproducible(trial: Trial) -> None:
    first, second = trial.model, trial.fit()
    X = trial.sample.X
    same = np.array_equal(trial.answers(first, X), trial.answers(second, X))
    require(same, "the same data and seed give other predictions")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first.save(Path(one))
        second.save(Path(two))
        require(fingerprint(Path(one)) == fingerprint(Path(two)), "the same data and seed give other files")


def saves_and_loads(trial: Trial) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trial.model.save(Path(folder))
        require(fingerprint(Path(folder)).files, "save writes no file")
        verify_no_pickle(Path(folder))
        require(not (Path(folder) / SIGNATURE_FILE).exists(), f"save writes {SIGNATURE_FILE}, which is not its own")
        loaded = trial.cls.load(Path(folder))
    require(isinstance(loaded, trial.cls), "load gives something else")
    require(loaded.parameters() == trial.model.parameters(), "load forgets the task, seed or hyperparameters")
    X = trial.sample.X
    same = np.array_equal(trial.answers(loaded, X), trial.answers(trial.model, X))
    require(same, "the loaded model predicts otherwise")


def leaves_its_input_alone(trial: Trial) -> None:
    data = trial.sample.copy()
    model = trial.cls(task=trial.task)
    model.fit(data.X, data.y, features=data.features, n_classes=data.n_classes, validation=data.validation)
    require(_same_bytes(data.X, trial.sample.X) and _same_bytes(data.y, trial.sample.y), "fit changes X or y")
    held, kept = data.validation, trial.sample.validation
    require(_same_bytes(held[0], kept[0]) and _same_bytes(held[1], kept[1]), "fit changes the validation rows")
    model.predict(data.X)
    if trial.task != "regression":
        model.predict_proba(data.X)
    require(_same_bytes(data.X, trial.sample.X), "predict changes X")


def heeds_the_watch(trial: Trial) -> None:
    seen: list[float] = []

    def stop(progress: float, metrics: Mapping[str, float]) -> None:
        _verify_report(seen, progress, metrics)
        raise StopHere

    try:
        trial.fit(watch=stop)
    except StopHere:
        require(len(seen) == 1, "fit goes on after the watch has raised")
    else:
        require(bool(seen), "fit never calls the watch")
        raise NotConforming("fit swallows what the watch raises")
    trial.fit(watch=lambda progress, metrics: _verify_report(seen, progress, metrics))


def predicts_from_threads(trial: Trial) -> None:
    X = trial.sample.X
    expected = trial.answers(trial.model, X)
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: trial.answers(trial.model, X), range(32)))
    require(all(np.array_equal(one, expected) for one in given), "threads at once get other predictions")


def predicts_row_by_row(trial: Trial) -> None:
    X = trial.sample.X[:40]
    single = np.vstack([trial.answers(trial.model, X[i : i + 1]) for i in range(len(X))])
    same = np.allclose(single, trial.answers(trial.model, X), rtol=1e-9, atol=1e-12)
    require(same, "a row alone is predicted otherwise than among others")


def compiles_alike(trial: Trial) -> None:
    form = trial.model.compiled()
    if form is None:
        return
    require(type(form) in trial.cls.forms, "compiled gives a form that forms does not name")
    X = choose_rows(trial.sample.X, trial.sample.features)
    given = form.answers(X.copy())
    apart = difference(given, trial.model.answers(X.copy()))
    require(apart <= TOLERANCE, f"the compiled form answers otherwise, by {apart}")
    alone = np.concatenate([form.answers(X[i : i + 1]) for i in range(len(X))])
    require(alone.tobytes() == given.tobytes(), "the compiled form answers a row alone otherwise than among others")
    with tempfile.TemporaryDirectory() as folder:
        form.save(Path(folder))
        verify_no_pickle(Path(folder))
        loaded = type(form).load(Path(folder))
    require(loaded.answers(X).tobytes() == given.tobytes(), "the loaded form answers otherwise")


def _verify_predictions(trial: Trial, model: Algorithm, X: Matrix) -> None:
    given = model.predict(X.copy())
    require(isinstance(given, np.ndarray) and given.shape == (len(X),), "predict gives no array with one value a row")
    if trial.task == "regression":
        require(given.dtype == np.float64, f"predict gives {given.dtype}, not float64")
        require(np.all(np.isfinite(given)), "a prediction is not finite")
    else:
        require(given.dtype == np.int64, f"predict gives {given.dtype}, not int64")
        require(np.all((given >= 0) & (given < trial.sample.n_classes)), "predict gives a class that does not exist")


def _verify_report(seen: list[float], progress: float, metrics: Mapping[str, float]) -> None:
    require(0.0 <= progress <= 1.0, f"the watch is told a progress of {progress}")
    require(all(np.isfinite(value) for value in metrics.values()), "the watch is told a metric that is not finite")
    seen.append(progress)


def _same_bytes(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()
