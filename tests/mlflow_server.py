"""A real MLflow server, started once for the tests of one pytest process."""

import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from backend.registry import mlflow_server as server
from backend.registry.mlflow_token import ensure_service_token, token_file
from backend.settings import Settings

APPLICATION = "tests.mlflow_process:create_app"


@dataclass
class Mlflow:
    """A running server; `settings` is that of its own home."""

    settings: Settings
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return self.settings.mlflow

    def headers(self) -> dict[str, str]:
        """Those of the platform itself."""
        return {"Authorization": f"Bearer {ensure_service_token(self.settings)}"}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_mlflow(home: Path, port: int | None = None, application: str = APPLICATION, **more: str) -> Mlflow:
    """A server over a home of its own, answering; its log is `<home>/mlflow.log`, `more` are other settings."""
    home.mkdir(exist_ok=True)
    settings = Settings(home=home, mlflow_port=port or free_port(), **more)
    server.prepare(settings)
    with (home / "mlflow.log").open("ab") as log:
        process = subprocess.Popen(
            server.command_line(settings, application),
            env=server.environment(settings),
            stdout=log,
            stderr=log,
            cwd=home,
        )
    mlflow = Mlflow(settings, process)
    try:
        _wait_until_ready(mlflow)
    except BaseException:
        mlflow.stop()
        raise
    return mlflow


def _wait_until_ready(mlflow: Mlflow, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if mlflow.process.poll() is not None:
            break
        try:
            if httpx.get(f"{mlflow.url}/health", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("MLflow did not start:\n" + (mlflow.settings.home / "mlflow.log").read_text()[-4000:], pytrace=False)


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    """The server that tests share; use names of your own in it."""
    started = start_mlflow(tmp_path_factory.mktemp("mlflow"))
    yield started
    started.stop()


@pytest.fixture
def mlflow_settings(tmp_path: Path, mlflow: Mlflow, database_url: str) -> Settings:
    """A home of its own whose MLflow is the shared one; a test module may return it as its `settings`."""
    settings = Settings(home=tmp_path, mlflow_url=mlflow.url, training_threads=1, database_url=database_url)
    settings.certs.mkdir(exist_ok=True)
    shutil.copy(token_file(mlflow.settings), token_file(settings))
    return settings


@pytest.fixture
def model_name(mlflow: Mlflow) -> Iterator[str]:
    """A name that no other test uses; what is registered under it, or under a longer one, is removed afterwards."""
    name = f"m-{uuid.uuid4().hex[:12]}"
    yield name
    with httpx.Client(base_url=f"{mlflow.url}/api/2.0/mlflow", headers=mlflow.headers(), timeout=30) as http:
        question = {"filter": f"name LIKE '{name}%'"}
        for model in http.get("registered-models/search", params=question).json().get("registered_models", []):
            http.request("DELETE", "registered-models/delete", json={"name": model["name"]})
