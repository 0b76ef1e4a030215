"""The steps of a training: a spec and a folder come in; the folder `result/` appears, whole or not at all."""

import json
import platform
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from backend.algorithms.bundle import write_bundle
from backend.algorithms.catalog import get_algorithm
from backend.algorithms.compilation import Compiled, compile_model
from backend.algorithms.contract import Algorithm, Validation
from backend.algorithms.signature import Signature
from backend.durable import flush
from backend.errors import TrainingImpossible
from backend.training.drawing import draw
from backend.training.evaluate import evaluate, judge
from backend.training.plots import Plot, history_plot, importance_plot, quality_plots
from backend.training.prepare import Prepared, prepare
from backend.training.reporting import Reporter
from backend.training.spec import RESULT_FOLDER, Result, Spec
from backend.training.split import Split, split_rows

_FIT_BEGINS, _FIT_ENDS = 0.1, 0.85
_MOST_HISTORY = 200
_SOFTWARE = ("numpy", "scipy", "pyarrow", "scikit-learn", "xgboost", "llvmlite")


@dataclass
class History:
    """What an algorithm reported of each metric while it learnt."""

    points: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def add(self, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            series = self.points.setdefault(name, [])
            series.append((len(series) + 1, float(value)))

    def thinned(self) -> dict[str, tuple[tuple[int, float], ...]]:
        """At most 200 points a metric, the first and the last among them."""
        return {name: tuple(_thinned(points)) for name, points in self.points.items()}


@dataclass(frozen=True)
class Parts:
    """(X, y) of the rows that teach, that decide when to stop, and that judge."""

    train: Validation
    validation: Validation
    test: Validation


def train(spec: Spec, folder: Path, report: Reporter) -> None:
    """Read, prepare, fit, evaluate, explain and write; raises TrainingImpossible (or Invalid) in words for the person.

    The model that is judged is the model that is served: a fifth of the rows only judges, the algorithm has learnt from the
    others, and there is no second fit on all rows whose quality nobody would know. The same data, wish and seed give the same bytes.
    """
    report.step("reading", 0.01)
    table = read_dataset(spec)
    report.step("preparing", 0.05)
    prepared = prepare(table, spec.kinds, spec.target, task=spec.task, named=spec.columns)
    del table
    parts = _cut(prepared, split_rows(prepared.y, classes=len(prepared.classes), seed=spec.seed))
    prepared = prepared.without_rows()
    report.step("fitting", _FIT_BEGINS)
    history = History()
    algorithm = _fit(spec, prepared, parts, history, report)
    report.step("evaluating", _FIT_ENDS)
    judged = judge(algorithm, *parts.test, prepared.classes)
    rows = {"train_rows": len(parts.train[1]) + len(parts.validation[1]), "test_rows": len(parts.test[1])}
    metrics = evaluate(judged) | rows
    report.step("explaining", 0.9)
    plots = [*quality_plots(judged), *_explanations(algorithm, prepared, history)]
    report.step("compiling", 0.93)
    compiled = compile_model(algorithm, parts.train[0], prepared.features)
    report.step("writing", 0.95)
    _write(folder, spec, prepared, algorithm, compiled, metrics, history, plots)


def read_dataset(spec: Spec) -> pa.Table:
    """The columns of the dataset that the wish names, or all; TrainingImpossible where the file is gone."""
    path = Path(spec.dataset)
    if not path.exists():
        raise TrainingImpossible("The dataset was deleted before the training began. Upload it again.")
    names = list(spec.kinds) if spec.columns is None else [*spec.columns, spec.target]
    return pq.read_table(path, columns=names)


def _cut(prepared: Prepared, split: Split) -> Parts:
    X, y = prepared.X, prepared.y
    return Parts(*((X[rows], y[rows]) for rows in (split.train, split.validation, split.test)))


def _fit(spec: Spec, prepared: Prepared, parts: Parts, history: History, report: Reporter) -> Algorithm:
    def watch(progress: float, metrics: Mapping[str, float]) -> None:
        history.add(metrics)
        report.progress(_FIT_BEGINS + (_FIT_ENDS - _FIT_BEGINS) * min(max(progress, 0.0), 1.0))

    kind = get_algorithm(spec.algorithm)
    algorithm = kind(task=prepared.task, seed=spec.seed, threads=spec.threads, **(spec.hyperparameters or {}))
    return algorithm.fit(
        *parts.train,
        features=prepared.features,
        n_classes=len(prepared.classes),
        validation=parts.validation if len(parts.validation[1]) else None,
        watch=watch,
    )


def _explanations(algorithm: Algorithm, prepared: Prepared, history: History) -> list[Plot]:
    importances = algorithm.importances()
    plots = [] if importances is None else [importance_plot(prepared.features, importances)]
    return plots + ([history_plot(history.thinned())] if history.points else [])


def _write(
    folder: Path,
    spec: Spec,
    prepared: Prepared,
    algorithm: Algorithm,
    compiled: Compiled,
    metrics: dict[str, float],
    history: History,
    plots: list[Plot],
) -> None:
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=folder))
    manifest = write_bundle(draft / "bundle", algorithm, _signature(spec, prepared, algorithm), compiled)
    (draft / "plots").mkdir()
    for plot in plots:
        draw(plot, draft / "plots" / f"{plot['name']}.png")
    (draft / "plots.json").write_text(json.dumps(plots, allow_nan=False), "utf-8")
    result = Result(
        task=prepared.task,
        metrics=metrics,
        warnings=prepared.warnings,
        history=history.thinned(),
        parameters=algorithm.parameters(),
        manifest=manifest.to_json(),
        versions=_versions(),
        finished_at=round(time.time(), 3),
        compiled=compiled.choice.to_json(),
    )
    result.write(draft)
    _publish(draft, folder / RESULT_FOLDER)


def _publish(draft: Path, result: Path) -> None:
    """Give the result its name at once, with its bytes on the disk; one that stands there already is as good as this."""
    for path in (*draft.rglob("*"), draft):
        flush(path)
    try:
        draft.rename(result)
    except OSError:
        if not result.is_dir():
            raise
        shutil.rmtree(draft)
    flush(result.parent)


def _signature(spec: Spec, prepared: Prepared, algorithm: Algorithm) -> Signature:
    kind = "category" if spec.kinds[spec.target] == "text" else spec.kinds[spec.target]
    return Signature(
        task=prepared.task,
        target=spec.target,
        target_kind=kind,  # type: ignore[arg-type]
        classes=prepared.classes,
        columns=tuple(
            replace(column, unknown=spec.unknown_categories) if column.kind == "category" else column
            for column in prepared.columns
        ),
        algorithm=algorithm.name,
        example=dict(prepared.example),
    )


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    step = max(1, -(-len(points) // (_MOST_HISTORY - 1)))
    return points[:-1:step] + points[-1:]


def _versions() -> dict[str, str]:
    found = {
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "signet": _version("signet"),
    }
    return found | {name: _version(name) for name in _SOFTWARE}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
