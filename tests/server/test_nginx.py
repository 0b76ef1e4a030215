"""The nginx that we ship the configuration of, before the API: who gets through it, as whom, and what it takes away."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from backend.database import db, now
from backend.identity.revocation import revoke_certificate
from backend.pki.keystore import private_pem, write_private
from backend.settings import REPOSITORY
from tests.left_out import find_nginx
from tests.server.api import LET_IN, Api, Home, Service, ask, home_in, predict
from tests.server.conftest import eventually, read_all

pytestmark = [pytest.mark.nginx, pytest.mark.xdist_group("nginx")]


class Nginx:
    """Our configuration, its places those of a test."""

    def __init__(self, home: Home, socket_of_api: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.settings, self.folder = home.settings, home.settings.home / f"nginx-{self.port}"
        shutil.copytree(REPOSITORY / "compose" / "nginx", self.folder)
        file = self.folder / "nginx.conf"
        text = file.read_text()
        for ours, theirs in (
            ("/run/nginx/", f"{self.folder}/"),
            ("/run/signet/api.sock", str(socket_of_api)),
            ("/etc/signet/certs", str(home.settings.certs)),
            ("listen [::]:8443 ssl;", ""),
            ("listen 8443", f"listen 127.0.0.1:{self.port}"),
            (
                "worker_processes auto;",
                "worker_processes 1; daemon off;" + (" user root;" if os.geteuid() == 0 else ""),
            ),
        ):
            assert ours in text
            text = text.replace(ours, theirs)
        file.write_text(text)
        with (self.folder / "log").open("wb") as log:
            command = [str(find_nginx()), "-p", str(self.folder), "-c", str(file), "-e", "stderr"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(lambda: ask_once(self, "/health/live") is not None, seconds=30)

    def connection(self, context: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
        trust = context or ssl.create_default_context(cafile=self.settings.certs / "ca.pem")
        return http.client.HTTPSConnection("localhost", self.port, context=trust, timeout=20)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


def ask_once(nginx: Nginx, path: str, **more: Any) -> tuple[int, Any]:
    with contextlib.closing(nginx.connection()) as connection:
        return ask(connection, "GET", path, **more)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_in(tmp_path_factory.mktemp("home")) as home:
        yield home


@pytest.fixture(scope="module")
def api(home: Home) -> Iterator[Api]:
    running = Api(home.settings, home.settings.home / "api.sock")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def nginx(home: Home, api: Api) -> Iterator[Nginx]:
    assert api.proxy_socket is not None
    running = Nginx(home, api.proxy_socket)
    yield running
    running.stop()


@pytest.fixture
def service(home: Home) -> Service:
    return home.admit()


def _stated(service: Service) -> str:
    return f":{base64.b64encode(ssl.PEM_cert_to_DER_cert(service.certificate)).decode()}:"


def test_a_certificate_opens_its_models_and_none_opens_nothing(nginx: Nginx, service: Service) -> None:
    with contextlib.closing(nginx.connection(service.context)) as connection:
        assert [predict(connection) for _ in range(3)] == [LET_IN] * 3
    with contextlib.closing(nginx.connection()) as connection:
        assert predict(connection) == 401


def test_a_revocation_holds_within_a_second_on_an_open_connection(nginx: Nginx, home: Home, service: Service) -> None:
    with contextlib.closing(nginx.connection(service.context)) as connection:
        assert predict(connection) == LET_IN
        revoke_certificate(home.settings, service.serial_number, "keyCompromise", actor="mia")
        db.session.commit()
        begun = time.monotonic()
        eventually(lambda: predict(connection) == 401)
        assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    "name",
    ["Client-Cert", "client-cert", "Client_Cert", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert", "HTTP_CLIENT_CERT"],
)
def test_what_a_caller_says_of_certificates_never_arrives(
    nginx: Nginx, home: Home, service: Service, name: str
) -> None:
    forged = {name: _stated(home.admit())}
    with contextlib.closing(nginx.connection()) as connection:
        assert predict(connection, forged) == 401
    revoked = home.admit()
    revoke_certificate(home.settings, revoked.serial_number, "keyCompromise", actor="mia")
    db.session.commit()
    with contextlib.closing(nginx.connection(service.context)) as connection:
        assert predict(connection, {name: _stated(revoked)}) == LET_IN


def test_a_strangers_certificate_is_refused_by_the_api_which_notes_it(nginx: Nginx, home: Home, tmp_path: Path) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 7, now() - timedelta(days=1), now() + timedelta(days=1)
    )
    path = tmp_path / "stranger.pem"
    write_private(path, private_pem(key) + made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    context = ssl.create_default_context(cafile=home.settings.certs / "ca.pem")
    context.load_cert_chain(path)
    with contextlib.closing(nginx.connection(context)) as connection:
        connection.request("POST", "/v1/models/iris/predict", body=b"{}", headers={"X-Forwarded-For": "192.0.2.9"})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (401, "invalid-certificate")
    refusal = home.events("POST /v1/models/<model>/predict")[-1]
    assert (refusal.event, refusal.address) == ("request.refused", "127.0.0.1")


def test_the_web_app_is_known_by_its_certificate_and_nobody_else_is(nginx: Nginx, home: Home, service: Service) -> None:
    web_app = ssl.create_default_context(cafile=home.settings.certs / "ca.pem")
    web_app.load_cert_chain(home.settings.certs / "web-app.pem")
    found = []
    for context in (web_app, service.context, None):
        with contextlib.closing(nginx.connection(context)) as connection:
            body, headers = b'{"handle": "x"}', {"Content-Type": "application/json"}
            status, _ = ask(connection, "POST", "/v1/web-sessions/resume", body=body, headers=headers)
            found.append(status)
    assert found == [404, 401, 401]


def test_sessions_are_not_resumed(nginx: Nginx, service: Service) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        service.context.maximum_version = version
        with contextlib.closing(nginx.connection(service.context)) as connection:
            assert predict(connection) == LET_IN
            session = connection.sock.session
        again = nginx.connection(service.context)
        with contextlib.closing(again):
            again.connect()
            with contextlib.suppress(ValueError):
                again.sock.session = session
            assert predict(again) == LET_IN
            assert not again.sock.session_reused


def test_a_body_that_is_too_large_is_told_so_as_a_problem(nginx: Nginx, service: Service) -> None:
    """By the API up to a megabyte over its limit, by nginx beyond."""
    for size in (16 * 1024 * 1024 + 1, 40 * 1024 * 1024):
        with contextlib.closing(nginx.connection(service.context)) as connection, contextlib.suppress(BrokenPipeError):
            connection.putrequest("POST", "/v1/models/iris/predict")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(size))
            connection.endheaders()
            if size < 20 * 1024 * 1024:
                connection.send(bytes(size))
            answer = connection.getresponse()
            document = json.loads(answer.read())
            assert (answer.status, document["code"], document["status"]) == (413, "too-large", 413)
            assert answer.headers["Content-Type"] == "application/problem+json"


def test_two_ways_to_frame_a_body_are_refused(nginx: Nginx) -> None:
    with contextlib.closing(nginx.connection()) as connection:
        connection.connect()
        head = b"POST /v1/models/iris/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        connection.sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health/live HTTP/1.1\r\n\r\n")
        answer = read_all(connection.sock)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_while_the_api_is_away_that_is_said_as_a_problem(home: Home, tmp_path: Path) -> None:
    alone = Nginx(home, tmp_path / "nobody.sock")
    try:
        status, document = ask_once(alone, "/health/ready")
        assert (status, document["code"]) == (503, "not-ready")
    finally:
        alone.stop()
