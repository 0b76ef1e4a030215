"""The whole platform as one act: what it runs, and when it does not begin at all."""

import os
import sys

import pytest

from backend.supervision import launch as launch_module
from backend.supervision.launch import launch
from backend.supervision.roles import command, platform_roles
from tests.mlflow_server import free_port


@pytest.fixture
def settings(settings):
    """On free ports."""
    ports = {name: free_port() for name in ("port", "ui_port", "mlflow_port")}
    umask = os.umask(0o022)
    yield settings.model_copy(update=ports)
    os.umask(umask)


def test_set_up_that_fails_ends_the_start(settings, monkeypatch, capfd):
    failing = (sys.executable, "-c", "import sys; print('no room'); sys.exit(2)")
    monkeypatch.setattr(launch_module, "command", lambda name: failing)
    assert launch(settings) == 2
    assert capfd.readouterr().out == "no room\n"
    assert not (settings.data / "run" / "supervisord.conf").exists()


def test_every_part_is_tied_to_this_process(settings):
    roles = platform_roles(settings, 0.0)
    assert [role.name for role in roles] == ["mlflow", "api", "worker", "ui", "ready"]
    assert sorted(roles, key=lambda role: role.priority) == list(roles)
    for role in roles:
        assert role.argv[:6] == command(role.argv[3])
        assert role.argv[4:6] == ("--die-with", str(os.getpid()))


def test_mlflow_elsewhere_is_not_run(settings):
    elsewhere = settings.model_copy(update={"mlflow_url": "http://mlflow.example"})
    assert "mlflow" not in [role.name for role in platform_roles(elsewhere, 0.0)]


def test_native_threads_follow_the_settings(settings):
    threads = {role.name: role.threads for role in platform_roles(settings.model_copy(update={"threads": 3}), 0.0)}
    assert threads == {"mlflow": 1, "api": 3, "worker": 3, "ui": 1, "ready": 1}
