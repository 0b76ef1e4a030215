"""Clients that were written for other servers call this one over TLS, and get what the native protocol answers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import ROOT, Platform

pytestmark = pytest.mark.clients

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
FOREIGN = ROOT / "tests" / "e2e" / "foreign"
TRITON, KSERVE = "tritonclient[http]==2.73.0", "kserve==0.21.0"
Call = Callable[..., dict[str, Any]]


@pytest.fixture
def python_with(tmp_path: Path) -> Callable[[str], Path]:
    """The Python of a new environment with that package."""

    def make(requirement: str) -> Path:
        python = tmp_path / "environment" / "bin" / "python"
        uv = [sys.executable, "-m", "uv", "--quiet"]
        try:
            subprocess.run([*uv, "venv", "--python", sys.executable, str(python.parents[1])], check=True, timeout=60)
            subprocess.run([*uv, "pip", "install", "--python", str(python), requirement], check=True, timeout=240)
        except (subprocess.SubprocessError, OSError) as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"left out: {requirement} cannot be installed here ({error})")
        return python

    return make


@pytest.fixture
def call(platform: Platform) -> Call:
    """Runs a program of `foreign` with a token and the CA file, and reads what it saw."""

    def run(python: Path | str, program: str, *arguments: str, **variables: str) -> dict[str, Any]:
        token = platform.client().headers["Authorization"].removeprefix("Bearer ")
        # A program that trusts only what it is told to trust.
        environment = {k: v for k, v in os.environ.items() if not k.endswith("CA_BUNDLE") and k != "SSL_CERT_FILE"}
        tracking = {"MLFLOW_TRACKING_TOKEN": token} if variables else {}
        done = subprocess.run(
            [str(python), str(FOREIGN / program), str(platform.api_port), *arguments],
            input=token, env=environment | variables | tracking, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return seen

    return run


@pytest.fixture
def native(platform: Platform) -> dict[str, Any]:
    """The answer of the native protocol, as those programs tell theirs."""
    answer = platform.client().post("/v1/models/iris/predict", json={"features": ROWS}).json()
    return {
        "labels": answer["predictions"],
        "shares": [list(shares.values()) for shares in answer["probabilities"]],
        "id": "mine",
    }


def _ca(platform: Platform) -> str:
    return str(platform.home / "certs" / "ca.pem")


def test_tritonclient(
    platform: Platform, python_with: Callable[[str], Path], call: Call, native: dict[str, Any]
) -> None:
    seen = call(python_with(TRITON), "triton_v2.py", _ca(platform))
    assert [seen[name] for name in ("live", "ready", "model", "version", "other")] == [True, True, True, True, False]
    assert seen["extensions"] == ["binary_tensor_data"]
    assert len(seen["inputs"]) == 4
    assert seen["answers"] == dict.fromkeys(seen["answers"], native)
    assert len(seen["answers"]) == 9
    assert seen["FP32"] == native["labels"]
    assert "has 3 columns where the model takes 4" in seen["refusals"][0]
    assert "There is no model 'other'" in seen["refusals"][1]


def test_kserve(platform: Platform, python_with: Callable[[str], Path], call: Call, native: dict[str, Any]) -> None:
    seen = call(python_with(KSERVE), "kserve_v2.py", _ca(platform))
    assert (seen["live"], seen["ready"], seen["model"]) == (True, True, True)
    assert seen["answers"] == {"JSON": native, "binary": native}
    assert "400" in seen["refused"]


def test_mlflow_deployments(platform: Platform, call: Call, native: dict[str, Any]) -> None:
    seen = call(sys.executable, "mlflow_deployments.py", MLFLOW_TRACKING_SERVER_CERT_PATH=_ca(platform))
    forms = ("split", "records", "instances", "inputs")
    assert seen["answers"] == {form: {"predictions": native["labels"]} for form in forms}
    assert "'petal length (cm)' is not a number" in seen["refused"]
