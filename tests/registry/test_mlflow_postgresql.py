"""MLflow's runs, models and people in PostgreSQL: made, brought up to date and used as in SQLite."""

from pathlib import Path

import httpx
import pytest

from tests.mlflow_server import free_port, start_mlflow

pytestmark = [pytest.mark.mlflow, pytest.mark.postgres]


def test_what_is_kept_in_postgresql_outlives_the_server(tmp_path: Path, postgresql_url: str) -> None:
    port = free_port()
    for starts in range(2):
        mlflow = start_mlflow(tmp_path, port, mlflow_database_url=postgresql_url)
        try:
            with httpx.Client(base_url=f"{mlflow.url}/api/2.0/mlflow", headers=mlflow.headers(), timeout=30) as http:
                if not starts:
                    http.post("registered-models/create", json={"name": "kept"}).raise_for_status()
                found = http.get("registered-models/search").raise_for_status().json()
                assert [model["name"] for model in found["registered_models"]] == ["kept"]
        finally:
            mlflow.stop()
    assert list((tmp_path / "mlruns").glob("*.db")) == []
