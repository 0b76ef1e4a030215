"""MLflow as one process of ours: its files, its environment, its end."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from backend.registry import mlflow_server
from backend.registry.mlflow_token import ensure_service_token, read_service_token, token_file
from backend.settings import REPOSITORY, Settings
from tests.mlflow_server import APPLICATION, Mlflow, start_mlflow


def test_what_it_needs_is_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    mlflow_server.prepare(settings)
    mlflow_server.prepare(settings)
    for file in (token_file(settings), settings.mlruns / "access.ini"):
        assert file.stat().st_mode & 0o777 == 0o600
    for folder in (settings.mlruns, settings.mlruns / "artifacts", settings.certs):
        assert folder.stat().st_mode & 0o077 == 0


def test_the_token_is_made_once_even_by_many(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with ThreadPoolExecutor(16) as pool:
        tokens = set(pool.map(lambda _: ensure_service_token(settings), range(64)))
    assert tokens == {read_service_token(settings)}
    assert len(tokens.pop()) >= 43
    assert [path.name for path in settings.certs.iterdir()] == ["mlflow-token"]


def test_the_environment_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    monkeypatch.setenv("SIGNET_SOMETHING_SECRET", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    settings = Settings(home=tmp_path, mlflow_port=5999)
    environment = mlflow_server.environment(settings)
    assert not {"MLFLOW_TRACKING_URI", "SIGNET_SOMETHING_SECRET", "AWS_SECRET_ACCESS_KEY"} & set(environment)
    assert environment["SIGNET_HOME"] == str(tmp_path)
    assert environment["SIGNET_MLFLOW_PORT"] == "5999"
    assert environment["MLFLOW_SERVER_ALLOWED_HOSTS"] == "127.0.0.1:5999,localhost:5999"
    again = mlflow_server.environment(settings)
    assert again["MLFLOW_FLASK_SERVER_SECRET_KEY"] != environment["MLFLOW_FLASK_SERVER_SECRET_KEY"]
    command = " ".join(mlflow_server.command_line(settings, APPLICATION))
    assert "--host 127.0.0.1" in command
    assert "--no-proxy-headers" in command
    assert not any(environment[key] in command for key in environment if "SECRET" in key or "PASSWORD" in key)


def test_behind_a_proxy_it_is_known_by_each_of_its_addresses(tmp_path: Path) -> None:
    public = "https://signet.example.org:5443"
    settings = Settings(
        home=tmp_path,
        mlflow_bind="192.0.2.1",
        mlflow_url="http://mlflow:5000",
        mlflow_public_url=public,
        mlflow_database_url="postgresql+psycopg://signet@db/mlflow",
        database_password="secret word",
    )
    environment = mlflow_server.environment(settings)
    here = "127.0.0.1:5000,localhost:5000"
    assert environment["MLFLOW_SERVER_ALLOWED_HOSTS"] == f"{here},mlflow:5000,signet.example.org:5443"
    assert environment["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].endswith(f",http://mlflow:5000,{public}")
    assert environment["_MLFLOW_SERVER_FILE_STORE"] == "postgresql+psycopg://signet@db/mlflow"
    assert environment["PGPASSWORD"] == environment["SIGNET_DATABASE_PASSWORD"] == "secret word"
    command = " ".join(mlflow_server.command_line(settings, APPLICATION))
    assert "--host 192.0.2.1" in command
    assert "--forwarded-allow-ips *" in command
    mlflow_server.prepare(settings)
    written = (settings.mlruns / "access.ini").read_text()
    assert "postgresql+psycopg://signet@db/mlflow" in written
    assert "secret" not in written


@pytest.mark.mlflow
def test_it_is_one_process(mlflow: Mlflow) -> None:
    assert httpx.get(f"{mlflow.url}/health").status_code == 200
    assert psutil.Process(mlflow.process.pid).children(recursive=True) == []


@pytest.mark.mlflow
def test_two_that_start_at_once_on_one_home_both_work(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(start_mlflow, [tmp_path, tmp_path]))
    try:
        for mlflow in both:
            search = f"{mlflow.url}/api/2.0/mlflow/experiments/search?max_results=1"
            assert httpx.get(search, headers=mlflow.headers()).status_code == 200
    finally:
        for mlflow in both:
            mlflow.stop()


def test_running_it_replaces_this_process(tmp_path: Path) -> None:
    """So that what started it sees one process, with one exit status."""
    code = (
        "import sys; from backend.registry import mlflow_server as server; from backend.settings import load_settings\n"
        "server.command_line = lambda *given: [sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(60)']\n"
        "server.run(load_settings(), 'tests.nothing:at_all')"
    )
    environment = {**os.environ, "SIGNET_HOME": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == f"{process.pid}\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM
