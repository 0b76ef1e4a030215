"""Small results of training, made in milliseconds: what a worker would hand to the registry."""

import uuid
from pathlib import Path
from typing import Any

import numpy as np

from backend.algorithms.bundle import write_bundle
from backend.algorithms.catalog import get_algorithm
from backend.algorithms.compilation import compile_model
from backend.algorithms.signature import Column, Label, Signature, Task
from backend.database import db, now
from backend.training.spec import Result
from backend.training.tables import Job

COLUMNS = (
    Column("size", "number"),
    Column("count", "integer"),
    Column("colour", "category", ("blue", "green", "red"), missing=True),
    Column("open", "boolean"),
    Column("age", "number", missing=True),
)
EXAMPLE = {"size": 5.1, "count": 3, "colour": "red", "open": True, "age": None}
CLASSES: dict[Task, tuple[Label, ...]] = {
    "binary": (False, True),
    "multiclass": ("ant", "bee", "cat"),
    "regression": (),
}


def make_result(
    folder: Path,
    task: Task = "multiclass",
    *,
    seed: int = 0,
    algorithm: str = "xgboost",
    rows: int = 90,
    rounds: int = 5,
    **more: Any,
) -> Path:
    """A result folder; another seed gives another model. `more` replaces parts of the signature."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [
            rng.normal(5, 2, rows),
            rng.integers(0, 9, rows),
            rng.integers(0, 3, rows),
            rng.integers(0, 2, rows),
            rng.normal(size=rows),
        ]
    )
    X[::7, 4] = np.nan
    score = X[:, 0] + X[:, 2]
    parts = {"columns": COLUMNS, "classes": CLASSES[task], "example": EXAMPLE, "target": "kind", **more}
    kinds = 3 if task == "multiclass" else 2
    y = score if task == "regression" else np.digitize(score, np.quantile(score, np.linspace(0, 1, kinds + 1)[1:-1]))
    kind = {"regression": "number", "binary": "boolean", "multiclass": "category"}[task]
    signature = Signature(task=task, target_kind=kind, algorithm=algorithm, **parts)  # type: ignore[arg-type]
    hyperparameters = {"n_estimators": rounds, "max_depth": 3 if rows < 1000 else 12} if algorithm == "xgboost" else {}
    model = get_algorithm(algorithm)(task=task, seed=seed, **hyperparameters)
    model.fit(X, y, features=signature.features(), n_classes=len(signature.classes))
    folder.mkdir(parents=True)
    compiled = compile_model(model, X, signature.features())
    manifest = write_bundle(folder / "bundle", model, signature, compiled)
    result = Result(
        task=task,
        metrics={"accuracy": 0.9, "test_rows": 18},
        warnings=(),
        history={},
        parameters=model.parameters(),
        manifest=manifest.to_json(),
        versions={"python": "3.11.7"},
        finished_at=now().timestamp(),
        compiled=compiled.choice.to_json(),
    )
    result.write(folder)
    return folder


def make_job(model: str, algorithm: str = "xgboost") -> Job:
    """A job whose training has ended and that is to be registered."""
    job = Job(
        id=str(uuid.uuid4()),
        state="running",
        model=model,
        dataset_id=str(uuid.uuid4()),
        target="kind",
        algorithm=algorithm,
        created_by="ada",
    )
    db.session.add(job)
    db.session.commit()
    return job
