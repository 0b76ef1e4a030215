"""The page for developers of microservices is run as text, against the real server."""

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from flask import Flask
from sklearn.datasets import load_iris

from backend.algorithms.bundle import write_bundle
from backend.algorithms.catalog import get_algorithm
from backend.algorithms.signature import Column, Signature
from backend.database import db
from backend.identity import authority
from backend.identity.enrolment import create_enrolment
from backend.identity.subscribers import create_subscriber
from backend.settings import REPOSITORY, Settings
from signet_client import Forbidden, SignetError
from signet_client.machine import Machine
from tests.api.conftest import Registered
from tests.api.served import LATE
from tests.e2e.running import free_ports
from tests.server.conftest import eventually
from tests.walkthrough import script_of, steps_of, verify_printed

FIRST_LINES = [
    ".venv/bin/python -m backend subscriber add billing --model iris --rate 600",
    "umask 077",
    "ask() {",
    "bearer() {",
    'curl -sS --cacert ca.pem -K bearer "$platform/v1/models"',
    "renew() {",
]


def _iris(folder: Path) -> Path:
    """What a training on Fisher's flowers leaves."""
    flowers = load_iris()
    names = tuple(str(name) for name in flowers.target_names)
    columns = tuple(Column(name, "number") for name in flowers.feature_names)
    example = dict(zip(flowers.feature_names, (5.1, 3.5, 1.4, 0.2), strict=True))
    signature = Signature("multiclass", "species", "category", names, columns, "xgboost", example)
    model = get_algorithm("xgboost")(task="multiclass", n_estimators=20)
    model.fit(flowers.data, flowers.target, features=signature.features(), n_classes=3)
    folder.mkdir()
    write_bundle(folder / "bundle", model, signature)
    return folder


class Late(datetime):
    """The moment at which the authority was made: nothing that it signs begins before that."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) - LATE - timedelta(hours=1)


@pytest.fixture
def server(
    app: Flask, settings: Settings, registered: Registered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a running server that serves `iris`, its clock late."""
    monkeypatch.setattr(authority, "datetime", Late)
    authority.ensure_authority(settings)
    registered.keep(_iris(tmp_path / "iris"), "iris", "multiclass", 1, "champion")
    (port,) = free_ports(1)
    trust = ssl.create_default_context(cafile=settings.certs / "ca.pem")
    known = {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "SIGNET_DATABASE_URL": settings.database_url}
    environment = os.environ | known
    with (tmp_path / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.api.served", str(settings.home), str(port)]
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
    url = f"https://localhost:{port}"
    try:
        eventually(lambda: _is_ready(url, trust), seconds=60)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def _is_ready(url, trust):  # type: ignore[no-untyped-def]
    try:
        return httpx.get(f"{url}/health/ready", verify=trust).status_code == 200
    except httpx.TransportError:
        return False


def test_the_page_does_what_it_says(server: str, settings: Settings, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "ca.pem").write_bytes((settings.certs / "ca.pem").read_bytes())
    steps = steps_of((REPOSITORY / "docs" / "microservice.md").read_text())
    assert [command.split("\n")[0] for command, _ in steps] == FIRST_LINES
    # The clock is put right, and the first certificate kept to look at, where the reader would wait three weeks.
    steps[-1] = (f"touch {settings.home}/on-time; cp client.pem first.pem\n{steps[-1][0]}", steps[-1][1])
    script = script_of(steps).replace("https://localhost:8443", server).replace(".venv/bin/python", sys.executable)
    known = {"SIGNET_HOME": str(settings.home), "SIGNET_DATABASE_URL": settings.database_url}
    environment = os.environ | known | {"PYTHONPATH": str(REPOSITORY)}
    began = time.monotonic()
    run = subprocess.run(
        ["bash", "-c", script], cwd=work, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, f"{run.stderr}{run.stdout}{(tmp_path / 'server.log').read_text()[-2000:]}"
    print(f"from nothing to a renewed certificate: {time.monotonic() - began:.1f} s")
    assert time.monotonic() - began < 120
    verify_printed(steps, run.stdout)
    first, second = (x509.load_pem_x509_certificate((work / name).read_bytes()) for name in ("first.pem", "client.pem"))
    assert first.serial_number != second.serial_number
    assert first.public_key() != second.public_key()
    assert (work / "client.pem").stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in work.iterdir()) == ["ca.pem", "client.pem", "first.pem", "token"]
    _verify_both_work(server, settings, work)
    _verify_a_failure_costs_nothing(steps[1][0].replace("https://localhost:8443", server), work)


def _verify_a_failure_costs_nothing(enrolment: str, work: Path) -> None:
    """A token that was used before: nobody's shell stops at it, and the identity that is there stays."""
    before = (work / "client.pem").read_bytes()
    run = subprocess.run(["bash", "-c", enrolment], cwd=work, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, "401" in run.stderr) == (22, True), run.stderr
    assert (work / "client.pem").read_bytes() == before
    assert '"status": 401' in (work / "answer").read_text()


def test_the_python_client_does_the_same(server: str, settings: Settings, tmp_path: Path) -> None:
    subscriber = create_subscriber("billing", actor="mia", models=["iris"])
    token = create_enrolment(subscriber, actor="mia").token
    db.session.commit()
    pem, ca = tmp_path / "client.pem", settings.certs / "ca.pem"
    flowers = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
    with Machine.enrol(server, pem, token, ca=ca) as machine:
        assert machine.identity.subscriber_id == subscriber.id
        assert pem.stat().st_mode & 0o077 == 0
        assert machine.predict(flowers[0], model="iris")["prediction"] == "setosa"
        answers = list(machine.batch(iter(flowers * 3), model="iris", size=4))
        assert [len(answer["predictions"]) for answer in answers] == [4, 2]
        with pytest.raises(FileExistsError):
            Machine.enrol(server, pem, "another", ca=ca)
        (settings.home / "on-time").touch()
        first = pem.read_bytes()
        assert (machine.renew_when_due(), machine.renew_when_due()) == (True, False)
        assert pem.read_bytes() != first
        assert machine.predict_many(flowers)["predictions"] == ["setosa", "virginica"]
    with Machine(server, pem, ca=ca, scope="predict:iris") as by_token:
        assert by_token.predict(flowers[1], model="iris")["prediction"] == "virginica"
        assert by_token.signet.tokens
        with pytest.raises(Forbidden):
            by_token.predict(flowers[1], model="rentals")
    with (
        Machine(server, pem, ca=ca, scope="predict:rentals") as narrow,
        pytest.raises(SignetError, match="not allowed"),
    ):
        narrow.predict(flowers[1], model="iris")


def _verify_both_work(server: str, settings: Settings, work: Path) -> None:
    """The old certificate stays good beside the new one; a connection without any is asked for one."""
    for name, status in (("first.pem", 200), ("client.pem", 200), (None, 401)):
        trust = ssl.create_default_context(cafile=settings.certs / "ca.pem")
        if name is not None:
            trust.load_cert_chain(work / name)
        answer = httpx.post(f"{server}/predict", json={"features": [5.1, 3.5, 1.4, 0.2]}, verify=trust)
        assert answer.status_code == status, answer.text
