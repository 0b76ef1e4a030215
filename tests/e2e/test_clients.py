"""Clients that were written for other servers call this one over TLS, and get what the native protocol answers."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.environments import PythonWith
from tests.e2e.running import ROOT, Platform
from tests.e2e.services import Caller, Service, person

pytestmark = pytest.mark.clients

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
FOREIGN = ROOT / "tests" / "e2e" / "foreign"
TRITON, KSERVE, MLFLOW = "tritonclient[http]==2.73.0", "kserve==0.21.0", "mlflow-skinny==3.17.2"
# What a client would read of this machine's settings, beside what it is told.
_TRUST = ("CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
Call = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def service(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A subscriber of the model `iris`, enrolled as a service enrols."""
    enrolled = Service.enrol(platform, tmp_path_factory.mktemp("service"), models=["iris"])
    yield enrolled
    enrolled.delete()


@pytest.fixture(params=["person", "certificate", "bound token"])
def caller(request: pytest.FixtureRequest, platform: Platform, service: Service) -> Caller:
    """Each kind of who may predict."""
    if request.param == "person":
        return person(platform)
    return service.caller() if request.param == "certificate" else service.bound()


@pytest.fixture
def call(platform: Platform, caller: Caller) -> Call:
    """Runs a program of `foreign` as the caller, and reads what it saw."""

    def run(python: Path, program: str, **variables: str) -> dict[str, Any]:
        told = {"host": f"localhost:{platform.api_port}", "ca": caller.ca, "token": caller.token}
        done = subprocess.run(
            [str(python), str(FOREIGN / program)],
            input=json.dumps(told | {"certificate": caller.certificate}), env=_untrusting() | variables,
            capture_output=True, text=True, timeout=120, check=False,
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


def _untrusting() -> dict[str, str]:
    """The variables of this process, but for those that say whom to trust: a program trusts what it is told to."""
    return {name: value for name, value in os.environ.items() if not name.endswith(_TRUST)}


def test_tritonclient(python_with: PythonWith, call: Call, native: dict[str, Any]) -> None:
    seen = call(python_with(TRITON), "triton_v2.py")
    assert [seen[name] for name in ("live", "ready", "model", "version", "other")] == [True, True, True, True, False]
    assert seen["extensions"] == ["binary_tensor_data"]
    assert len(seen["inputs"]) == 4
    assert seen["answers"] == dict.fromkeys(seen["answers"], native)
    assert len(seen["answers"]) == 9
    assert seen["FP32"] == native["labels"]
    assert "has 3 columns where the model takes 4" in seen["refusals"][0]
    assert "There is no model 'other'" in seen["refusals"][1] or "not allowed to use" in seen["refusals"][1]


def test_kserve(python_with: PythonWith, call: Call, native: dict[str, Any]) -> None:
    seen = call(python_with(KSERVE), "kserve_v2.py")
    assert (seen["live"], seen["ready"], seen["model"]) == (True, True, True)
    assert seen["answers"] == {"JSON": native, "binary": native}
    assert "400" in seen["refused"]


def test_mlflow_deployments(python_with: PythonWith, caller: Caller, call: Call, native: dict[str, Any]) -> None:
    variables = {
        "MLFLOW_TRACKING_SERVER_CERT_PATH": caller.ca,
        "MLFLOW_TRACKING_TOKEN": caller.token,
        "MLFLOW_TRACKING_CLIENT_CERT_PATH": caller.certificate,
    }
    seen = call(
        python_with(MLFLOW), "mlflow_deployments.py", **{name: value for name, value in variables.items() if value}
    )
    forms = ("split", "records", "instances", "inputs")
    assert seen["answers"] == {form: {"predictions": native["labels"]} for form in forms}
    assert "'petal length (cm)' is not a number" in seen["refused"]


def test_curl(platform: Platform, caller: Caller, native: dict[str, Any], tmp_path: Path) -> None:
    """The token goes in by a file, as no other user of the machine can then read it in the list of processes."""
    options = [f'cacert = "{caller.ca}"']
    if caller.certificate:
        options.append(f'cert = "{caller.certificate}"')
    if caller.token:
        options.append(f'header = "Authorization: Bearer {caller.token}"')
    config = tmp_path / "curlrc"
    config.write_text("\n".join(options))
    config.chmod(0o600)

    def post(path: str, kind: str, body: str) -> Any:
        url = f"https://localhost:{platform.api_port}{path}"
        command = ["curl", "-sS", "--fail-with-body", "-K", str(config), "-H", f"Content-Type: {kind}", "-d", "@-", url]
        done = subprocess.run(
            command, input=body, env=_untrusting(), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    rows = json.dumps({"features": ROWS})
    assert post("/v1/models/iris/predict", "application/json", rows)["predictions"] == native["labels"]
    inputs = json.dumps({"inputs": [{"name": "x", "datatype": "FP64", "shape": [2, 4], "data": ROWS}]})
    answered = post("/v2/models/iris/infer", "application/json", inputs)["outputs"][0]["data"]
    assert answered == native["labels"]
    assert post("/invocations", "application/json", json.dumps({"instances": ROWS})) == {
        "predictions": native["labels"]
    }


def test_without_a_certificate_a_bound_token_is_worth_nothing(service: Service, platform: Platform) -> None:
    bound = service.bound()
    with httpx.Client(base_url=platform.api_url, verify=Caller(ca=bound.ca).context()) as nobody:
        answer = nobody.post("/predict", json={"features": ROWS}, headers={"Authorization": f"Bearer {bound.token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token")
