"""The whole mission in containers: brought up from nothing, used by each kind of person and by a service, taken down and up again."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import pytest

from tests.containers.running import DAY, PASSWORD, Containers, predicts
from tests.server.conftest import eventually

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900), pytest.mark.xdist_group("containers")]

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"


@pytest.fixture(scope="module")
def service(
    containers: Containers, people: dict[str, str], bikes: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A subscriber enrols with openssl and curl, as docs/microservice.md shows; the file of its certificate and key."""
    with containers.person("manager", PASSWORD) as manager:
        made = manager.post("/v1/subscribers", json={"name": "billing", "models": [bikes]})
        assert made.status_code == 201, made.text
        token = manager.post(f"/v1/subscribers/{made.json()['id']}/enrolment").json()["token"]
    folder = tmp_path_factory.mktemp("billing")
    shutil.copy(containers.ca, folder / "ca.pem")
    enrol = f"""set -euo pipefail; umask 077
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj / -outform DER 2>/dev/null | openssl base64 -out request
curl -sS --noproxy '*' --fail-with-body --cacert ca.pem -u billing:{token} -H 'Content-Type: application/pkcs10' \\
  --data-binary @request -o answer {containers.url("api")}/.well-known/est/simpleenroll
openssl base64 -d -in answer | openssl pkcs7 -inform DER -print_certs | openssl x509 -out client.pem
cat key.pem >> client.pem"""
    subprocess.run(["bash", "-c", enrol], cwd=folder, check=True, timeout=60)
    return folder / "client.pem"


def session_of(containers: Containers, username: str) -> str:
    """The cookie that the web app sets; a test has no screen, so it shows the web app's own certificate."""
    pem = containers.inside("api", "cat", "/var/lib/signet/certs/web-app.pem")
    file = containers.ca.with_name("secrets") / f".test-{uuid.uuid4().hex}"
    file.touch(mode=0o600)
    try:
        file.write_text(pem)
        with containers.client(certificate=file) as web_app:
            begun = web_app.post(
                "/v1/web-sessions", json={"username": username, "password": PASSWORD, "agent": AGENT}
            ).json()
    finally:
        file.unlink()
    with containers.client("ui", headers={"X-Signet-UI": "1", "User-Agent": AGENT}) as browser:
        answer = browser.post("/ui/session", json={"code": begun["code"]}, headers={"Origin": containers.url("ui")})
        assert answer.status_code == 204, answer.text
        return answer.headers["Set-Cookie"].partition(";")[0]


LOG = """
import pathlib, mlflow
mlflow.set_experiment("by hand")
with mlflow.start_run() as run:
    mlflow.log_metric("accuracy", 0.9)
    pathlib.Path("note.txt").write_text("kept")
    mlflow.log_artifact("note.txt")
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/note.txt") == "kept"
print("run", run.info.run_id)
"""


def log_by_client(containers: Containers, token: str) -> str:
    """The run that a scientist's own program logs with MLflow's library."""
    names = {"MLFLOW_TRACKING_URI": containers.url("mlflow"), "MLFLOW_TRACKING_TOKEN": token, "NO_PROXY": "*"}
    trust = {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(containers.ca), "MLFLOW_DISABLE_TELEMETRY": "true"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", LOG],
            cwd=folder,
            env=os.environ | names | trust,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return re.search(r"^run (\w+)", done.stdout, re.MULTILINE)[1]  # type: ignore[index]


def test_people_and_services_do_what_they_are_there_for(
    containers: Containers, people: dict[str, str], bikes: str, service: Path
) -> None:
    with containers.person("expert", PASSWORD) as expert:
        assert predicts(expert, bikes) == 200
        assert expert.get("/v1/users").status_code == 403
    with containers.client(certificate=service) as billing:
        assert predicts(billing, bikes) == 200
    with containers.client() as nobody:
        assert predicts(nobody, bikes) == 401
        forged = {"Client-Cert": ":" + "A" * 80 + ":"}
        assert nobody.post(f"/v1/models/{bikes}/predict", json={"features": DAY}, headers=forged).status_code == 401


def test_the_operators_commands_work_where_the_account_has_no_name(containers: Containers) -> None:
    said = containers.inside("api", "python", "-m", "backend", "subscriber", "add", "--all-models", "by-hand")
    assert "Traceback" not in said
    assert "by-hand" in containers.inside("api", "python", "-m", "backend", "subscriber", "list")
    assert "cli:10001" in containers.inside("api", "python", "-m", "backend", "audit", "list")


def test_a_file_that_is_larger_than_what_is_kept_in_memory_arrives(
    containers: Containers, people: dict[str, str], tmp_path: Path
) -> None:
    large = tmp_path / "zeros.csv"
    with large.open("wb") as file:
        file.truncate(400 * 1024 * 1024)
    with containers.person("expert", PASSWORD) as expert, large.open("rb") as file:
        refused = expert.post("/v1/datasets", files={"file": file}, data={"name": "zeros"}, timeout=300)
    assert (refused.status_code, refused.json()["code"]) == (422, "dataset-unreadable"), refused.text


def test_a_revocation_holds_within_a_second_on_an_open_connection(
    containers: Containers, bikes: str, service: Path
) -> None:
    with containers.person("manager", PASSWORD) as manager, containers.client(certificate=service) as billing:
        assert predicts(billing, bikes) == 200
        serial = manager.get("/v1/certificates").json()["items"][0]["serial_number"]
        revoked = manager.post(f"/v1/certificates/{serial}/revoke", json={"reason": "keyCompromise"})
        begun = time.monotonic()
        assert revoked.is_success, revoked.text
        eventually(lambda: predicts(billing, bikes) == 401)
        assert time.monotonic() - begun < 1


def test_a_scientist_opens_mlflow_by_being_signed_in(
    containers: Containers, people: dict[str, str], bikes: str
) -> None:
    with containers.person("scientist", PASSWORD) as scientist:
        run = scientist.get(f"/v1/models/{bikes}/versions/1").json()["run_url"]
        token = scientist.headers["Authorization"]
    assert run.startswith(containers.url("mlflow"))
    page = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-site", "User-Agent": AGENT}
    ask = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "User-Agent": AGENT}
    models = "/ajax-api/2.0/mlflow/registered-models/search"
    with containers.client("mlflow") as mlflow:
        sent = mlflow.get("/", headers=page)
        assert (sent.status_code, sent.headers["Location"]) == (302, f"{containers.url('ui')}/")
        refused = mlflow.get(models, headers=ask)
        assert (refused.status_code, refused.headers.get("WWW-Authenticate")) == (401, None)
        assert "Basic" in mlflow.get("/api/2.0/mlflow/registered-models/search").headers["WWW-Authenticate"]
        cookie = {"Cookie": f"other=1; {session_of(containers, 'scientist')}"}
        assert "<html" in mlflow.get("/", headers=page | cookie).text
        found = mlflow.get(models, headers=ask | cookie)
        assert {model["name"] for model in found.json()["registered_models"]} >= {"iris", bikes}
        # A page of another origin of this host has the cookie too, and gets nothing by it.
        assert mlflow.get(models, headers=ask | cookie | {"Sec-Fetch-Site": "same-site"}).status_code == 401
        # A program shows a token, as MLFLOW_TRACKING_TOKEN does.
        alias = {"name": bikes, "alias": "challenger", "version": "1"}
        written = mlflow.post("/api/2.0/mlflow/registered-models/alias", json=alias, headers={"Authorization": token})
        assert written.status_code == 200, written.text
        logged = log_by_client(containers, token.removeprefix("Bearer "))
        assert mlflow.get(f"/api/2.0/mlflow/runs/get?run_id={logged}", headers={"Authorization": token}).is_success
        expert = {"Cookie": session_of(containers, "expert")} | ask
        alias_path = "/ajax-api/2.0/mlflow/registered-models/alias"
        assert mlflow.get(models, headers=expert).status_code == 200
        assert (
            mlflow.post(alias_path, json=alias, headers=expert | {"Origin": containers.url("mlflow")}).status_code
            == 403
        )


def test_the_web_app_answers_and_its_page_opens_a_stream(containers: Containers) -> None:
    with containers.client("ui") as browser:
        page = browser.get("/")
        assert page.status_code == 200
        assert "Content-Security-Policy" in page.headers
    upgrade = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: localhost:{containers.ports['ui']}\r\nOrigin: {containers.url('ui')}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    trust = ssl.create_default_context(cafile=containers.ca)
    with (
        socket.create_connection(("127.0.0.1", containers.ports["ui"]), 10) as plain,
        trust.wrap_socket(plain, server_hostname="localhost") as stream,
    ):
        stream.sendall(upgrade.encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 101 ")


def test_parts_that_are_killed_or_made_anew_are_found_again(
    containers: Containers, people: dict[str, str], bikes: str
) -> None:
    containers.compose("kill", "--signal", "KILL", "api", "ui", "mlflow")
    containers.compose("up", "--detach", "--wait", "--force-recreate", "--no-deps", "api", "ui", "mlflow")
    with containers.client() as api, containers.client("ui") as ui, containers.client("mlflow") as mlflow:
        eventually(lambda: api.get("/health/ready").status_code == 200, seconds=60)
        eventually(lambda: ui.get("/_stcore/health").status_code == 200, seconds=60)
        eventually(lambda: mlflow.get("/health").status_code == 200, seconds=60)
    with containers.person("expert", PASSWORD) as expert:
        eventually(lambda: predicts(expert, bikes) == 200, seconds=60)


def test_what_was_made_outlives_the_containers(containers: Containers, people: dict[str, str], bikes: str) -> None:
    certificate = containers.inside("proxy", "cat", "/etc/signet/certs/server.pem")
    containers.make("down")
    assert containers.compose("ps", "--all", "--quiet").split() == []
    said = containers.make("up")
    assert f"with the password {people['admin']}" in said
    assert containers.inside("proxy", "cat", "/etc/signet/certs/server.pem") == certificate
    with containers.person("scientist", PASSWORD) as scientist:
        assert predicts(scientist, bikes) == 200
        named = scientist.get(f"/v1/models/{bikes}").json()["aliases"]
        assert named["challenger"] == "1"
    with containers.person("admin", people["admin"]) as admin:
        assert admin.get("/v1/audit/verify").json()["ok"] is True
