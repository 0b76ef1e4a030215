"""What tests of the registry share: a home whose MLflow is real, and runs in it."""

from collections.abc import Callable

import httpx
import pytest

from backend.settings import Settings
from tests.mlflow_server import Mlflow


@pytest.fixture
def settings(mlflow_settings: Settings) -> Settings:
    return mlflow_settings


@pytest.fixture
def run_ids(mlflow: Mlflow) -> Callable[[], str]:
    """Makes finished runs, as the worker logs them."""

    def make() -> str:
        url = f"{mlflow.url}/api/2.0/mlflow/runs/create"
        answer = httpx.post(url, json={"experiment_id": "0"}, headers=mlflow.headers()).raise_for_status()
        run_id: str = answer.json()["run"]["info"]["run_id"]
        return run_id

    return make


@pytest.fixture
def run_id(run_ids: Callable[[], str]) -> str:
    return run_ids()
