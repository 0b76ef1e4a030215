"""What an outside judge of TLS says of the running server. Certificates and revocation lists are judged in tests/identity and tests/pki."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.settings import REPOSITORY, Settings
from backend.supervision.roles import platform_roles
from tests.attacks.conftest import Running
from tests.judges import sslyze_in

SCANS = ("certinfo", "tlsv1_2", "tlsv1_3", "reneg", "resum", "compression", "robot", "elliptic_curves")


@pytest.fixture(scope="session")
def sslyze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The judge in an environment of its own, made once for all the processes of a test run."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    return sslyze_in(shared)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Running]:
    """The API with the settings of OpenSSL that the supervisor gives it."""
    roles = {role.name: role for role in platform_roles(Settings(home=tmp_path), 0)}
    running = Running(tmp_path, OPENSSL_CONF=str(roles["api"].openssl))
    yield running
    running.stop()


@pytest.mark.judges
def test_mozillas_guidance(sslyze: Path, api: Running, tmp_path: Path) -> None:
    """18. Versions, ciphers, groups, certificate, resumption: as Mozilla's intermediate configuration asks."""
    report = tmp_path / "report.json"
    command = [sslyze, *(f"--{scan}" for scan in SCANS), "--certinfo_ca_file", api.settings.certs / "ca.pem"]
    command += ["--mozilla_config", "intermediate", "--json_out", report, f"localhost:{api.port}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=80, check=False)
    assert (run.returncode, "OK - Compliant" in run.stdout) == (0, True), run.stdout[-3000:]
    (scanned,) = json.loads(report.read_text())["server_scan_results"]
    resumed = scanned["scan_result"]["session_resumption"]["result"]
    assert resumed["session_id_resumption_result"] == "NOT_SUPPORTED"
    assert resumed["tls_ticket_resumption_result"] == "NOT_SUPPORTED"


def test_the_settings_are_read_before_openssl_is_used() -> None:
    """18. The supervisor names the file to the API's process; a machine's own file, where the operator names one, is kept."""
    told = "from backend.supervision.roles import platform_roles as r; from backend.settings import Settings;"
    told += "print({p.name: p.openssl for p in r(Settings(), 0)}['api'])"
    plain = {name: value for name, value in os.environ.items() if name != "OPENSSL_CONF"}
    for environment, expected in ((plain, "backend/listener/openssl.cnf"), (plain | {"OPENSSL_CONF": "/mine"}, "None")):
        command = [sys.executable, "-c", told]
        run = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert run.stdout.strip().endswith(expected)
