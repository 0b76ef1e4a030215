"""What a training process is told, and what it leaves: two small records that pass through the job's folder as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from backend.algorithms.signature import Task, Unknown

SPEC_FILE = "spec.json"
RESULT_FOLDER = "result"
RESULT_FILE = "result.json"


@dataclass(frozen=True)
class Spec:
    """The wish, resolved: nothing else has to be looked up, so the training process needs no database."""

    job_id: str
    dataset: str
    kinds: Mapping[str, str]
    target: str
    algorithm: str
    task: Task | None = None
    columns: tuple[str, ...] | None = None
    hyperparameters: Mapping[str, Any] | None = None
    seed: int = 0
    unknown_categories: Unknown = "missing"
    threads: int = 1
    memory_mb: int = 8192

    def write(self, folder: Path) -> None:
        (folder / SPEC_FILE).write_text(json.dumps(asdict(self), allow_nan=False), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        data = json.loads((folder / SPEC_FILE).read_text("utf-8"))
        columns = None if data["columns"] is None else tuple(data["columns"])
        return cls(**{**data, "columns": columns})


@dataclass(frozen=True)
class Result:
    """What a finished training says of itself, beside its files `bundle/`, `plots/*.png` and `plots.json`.

    `history` is (step, value) by metric, `manifest` the fingerprint of the bundle taken when it was written, `versions` the software
    that it was made with. `finished_at` is in seconds since 1970, `compiled` says in which form the model is served and why.
    """

    task: Task
    metrics: Mapping[str, float]
    warnings: tuple[str, ...]
    history: Mapping[str, tuple[tuple[int, float], ...]]
    parameters: Mapping[str, Any]
    manifest: Mapping[str, Any]
    versions: Mapping[str, str]
    finished_at: float
    compiled: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        (folder / RESULT_FILE).write_text(json.dumps(asdict(self), indent=1, allow_nan=False), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        data = json.loads((folder / RESULT_FILE).read_text("utf-8"))
        history = {name: tuple((step, value) for step, value in points) for name, points in data["history"].items()}
        return cls(**{**data, "warnings": tuple(data["warnings"]), "history": history})
