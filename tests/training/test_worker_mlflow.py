"""The worker as it is run, over a real MLflow: from the queue to a registered version."""

import os
import signal
import subprocess
import sys

import httpx
import pytest

from backend.database import db
from backend.registry.tables import ModelVersion
from backend.settings import REPOSITORY, Settings
from tests.mlflow_server import Mlflow
from tests.training.conftest import Transaction, add_job, row
from tests.training.test_worker_process import ended, eventually

pytestmark = pytest.mark.mlflow


@pytest.fixture
def settings(mlflow_settings: Settings) -> Settings:
    return mlflow_settings


def start(settings: Settings) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "SIGNET_HOME": str(settings.home),
        "SIGNET_MLFLOW_URL": settings.mlflow,
        "SIGNET_TRAINING_THREADS": "1",
    }
    with (settings.home / "worker.log").open("ab") as log:
        command = [sys.executable, "-m", "backend.worker"]
        return subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)


def test_a_job_becomes_a_run_and_the_first_version_a_champion_even_if_the_worker_is_killed(
    settings: Settings, transaction: Transaction, mlflow: Mlflow, model_name: str
) -> None:
    with transaction():
        job_id = add_job(settings, model=model_name)
    worker = start(settings)
    try:
        eventually(lambda: row(transaction, job_id).step in {"logging", "registering", "done"})
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker = start(settings)
        job = eventually(lambda: ended(transaction, job_id))
    finally:
        worker.terminate()
        worker.wait(10)

    assert (job.state, job.error, job.model_version) == ("succeeded", None, "1")
    with transaction():
        version = db.session.get_one(ModelVersion, (model_name, 1))
        assert (version.job_id, version.run_id) == (job_id, job.run_id)
    url = f"{mlflow.url}/api/2.0/mlflow/registered-models/get"
    found = httpx.get(url, params={"name": model_name}, headers=mlflow.headers()).raise_for_status().json()
    assert found["registered_model"]["aliases"] == [{"alias": "champion", "version": "1"}]
