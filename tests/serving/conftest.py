"""What tests of serving share: a home whose MLflow is real, and versions registered in it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask

from backend.algorithms.signature import Task
from backend.registry.mlflow_rest import MlflowRest
from backend.registry.registration import register
from backend.registry.tables import ModelVersion
from backend.serving.shelf import Shelf
from backend.serving.swaps import OnSwap, unheard
from backend.settings import Settings
from tests.mlflow_server import Mlflow
from tests.trained import make_job, make_result

Register = Callable[..., ModelVersion]
Shelves = Callable[..., Shelf]


@pytest.fixture
def settings(mlflow_settings: Settings) -> Settings:
    return mlflow_settings


@pytest.fixture
def mlflow_rest(settings: Settings) -> Iterator[MlflowRest]:
    rest = MlflowRest(settings)
    yield rest
    rest.close()


@pytest.fixture
def registered(app: Flask, settings: Settings, mlflow: Mlflow, model_name: str, tmp_path: Path) -> Register:
    """Trains and registers the next version of this test's model; `seed` and `more` make it another."""
    made = 0

    def make(task: Task = "multiclass", **more: Any) -> ModelVersion:
        nonlocal made
        made += 1
        run = httpx.post(
            f"{mlflow.url}/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}, headers=mlflow.headers()
        )
        run_id = run.raise_for_status().json()["run"]["info"]["run_id"]
        result = make_result(tmp_path / f"result-{made}", task, seed=made, **more)
        return register(settings, job=make_job(model_name), run_id=run_id, result_folder=result)

    return make


@pytest.fixture
def shelves(app: Flask, settings: Settings) -> Iterator[Shelves]:
    """Makes shelves; one watches nothing until it is started. `changes` are settings that differ."""
    made: list[Shelf] = []

    def make(capacity: int = 16, seconds: float = 0.1, on_swap: OnSwap = unheard, **changes: object) -> Shelf:
        own = Settings(**{**settings.model_dump(), **changes})
        shelf = Shelf(own, app.app_context, seconds=seconds, capacity=capacity, on_swap=on_swap)
        made.append(shelf)
        return shelf

    yield make
    for shelf in made:
        shelf.stop()


@pytest.fixture
def shelf(shelves: Shelves) -> Shelf:
    return shelves()
