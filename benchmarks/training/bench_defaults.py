"""A training with defaults against a plain XGBoost fit of the same rows, judged on the same hold-out rows.

    python benchmarks/training/bench_defaults.py [FILE.csv:TARGET ...]

Without arguments it takes the data that come with scikit-learn. Ratios are ours over plain; medians over seeds.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xgboost as xgb
from sklearn import datasets

from backend.algorithms.boosting import GradientBoosting
from backend.algorithms.contract import Matrix, Vector
from backend.datasets.ingest import ingest
from backend.datasets.options import AS_FOUND
from backend.training.evaluate import Judged, evaluate, judge
from backend.training.prepare import Prepared, prepare
from backend.training.split import split_rows

SEEDS, THREADS = range(3), 2
BUNDLED = {"wine": datasets.load_wine, "breast cancer": datasets.load_breast_cancer, "diabetes": datasets.load_diabetes}
SHOWN = ("roc_auc", "log_loss", "accuracy", "f1", "rmse", "mae", "r2")


def tables() -> Iterator[tuple[str, pa.Table, Mapping[str, str], str]]:
    """Name, table, kinds of the columns and target of what is to be learnt."""
    for argument in sys.argv[1:]:
        file, _, target = argument.rpartition(":")
        with tempfile.TemporaryDirectory() as folder:
            parquet = Path(folder) / "data.parquet"
            made = ingest(Path(file), Path(file).name, AS_FOUND, parquet)
            yield argument, pq.read_table(parquet), {c["name"]: c["type"] for c in made.columns}, target
    if not sys.argv[1:]:
        for name, load in BUNDLED.items():
            frame = load(as_frame=True).frame
            kinds = dict.fromkeys(frame.columns, "number") | {"target": "number" if name == "diabetes" else "integer"}
            yield name, pa.Table.from_pandas(frame, preserve_index=False), kinds, "target"


def plain(prepared: Prepared, X: Matrix, y: Vector, seed: int) -> Any:
    """XGBoost as its tutorial fits it, on all rows that ours may learn from."""
    kind = xgb.XGBRegressor if prepared.task == "regression" else xgb.XGBClassifier
    types = ["c" if feature.categorical else "q" for feature in prepared.features]
    model = kind(enable_categorical=True, feature_types=types, n_jobs=THREADS, random_state=seed)
    return model.fit(X, y)


def run(prepared: Prepared, seed: int) -> dict[str, tuple[float, float]]:
    """Every metric, and the seconds of the fit, as (ours, plain)."""
    split = split_rows(prepared.y, classes=len(prepared.classes), seed=seed)
    X, y = prepared.X, prepared.y
    taught = sorted([*split.train, *split.validation])
    began = time.perf_counter()
    ours = GradientBoosting(task=prepared.task, seed=seed, threads=THREADS).fit(
        X[split.train],
        y[split.train],
        features=prepared.features,
        n_classes=len(prepared.classes),
        validation=(X[split.validation], y[split.validation]),
    )
    fitted = time.perf_counter()
    theirs = plain(prepared, X[taught], y[taught], seed)
    ended = time.perf_counter()
    test = X[split.test], y[split.test], prepared.classes
    judged = evaluate(judge(ours, *test)), evaluate(_judge_plain(theirs, prepared, *test))
    metrics = {name: (judged[0][name], judged[1][name]) for name in SHOWN if name in judged[0]}
    return metrics | {"seconds": (fitted - began, ended - fitted)}


def _judge_plain(model: Any, prepared: Prepared, X: Matrix, y: Vector, classes: tuple[Any, ...]) -> Judged:
    adapter: Any = SimpleNamespace(
        task=prepared.task, predict=model.predict, predict_proba=getattr(model, "predict_proba", None)
    )
    return judge(adapter, X, y, classes)


def main() -> None:
    for name, table, kinds, target in tables():
        prepared = prepare(table, kinds, target)
        rounds = [run(prepared, seed) for seed in SEEDS]
        print(f"{name}: {prepared.task}, {len(prepared.y)} rows")
        for metric in rounds[0]:
            ours, theirs = (statistics.median(r[metric][side] for r in rounds) for side in (0, 1))
            print(f"  {metric:9} ours {ours:9.4f}   plain {theirs:9.4f}   ratio {ours / theirs:6.3f}")


if __name__ == "__main__":
    main()
