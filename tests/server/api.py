"""Running processes of the whole API over one home, and those who call them."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from flask import Flask
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.database import db
from backend.identity.authority import ensure_authority
from backend.identity.issuing import issue_certificate
from backend.identity.subscriber_tables import Subscriber
from backend.identity.subscribers import create_subscriber
from backend.migrations.upgrade import upgrade
from backend.pki.keystore import private_pem, write_private
from backend.settings import REPOSITORY, Settings
from backend.storage import create_storage
from tests.certifying import new_key, signing_request
from tests.server.conftest import eventually

LET_IN = 400  # a caller that went through, whose body then was of no use


class Api:
    """One process of the API: on its own port over TLS, or on a proxy's socket."""

    def __init__(
        self, settings: Settings, proxy_socket: Path | None = None, *, program: str = "tests.server.whole"
    ) -> None:
        self.settings, self.proxy_socket = settings, proxy_socket
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = settings.home / f"api-{self.port}.log"
        command = [sys.executable, "-m", program, str(settings.home), str(self.port)]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"} | _database(settings)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *([str(proxy_socket)] if proxy_socket else [])],
                cwd=REPOSITORY, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        eventually(lambda: self.get("/health/live")[0] == 200, seconds=60)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.settings.certs / "ca.pem")

    def connection(self, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        if self.proxy_socket is not None:
            return Unix(self.proxy_socket)
        return http.client.HTTPSConnection("localhost", self.port, context=context or self.trust(), timeout=20)

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        with contextlib.closing(self.connection()) as connection:
            return ask(connection, "GET", path, headers=headers or {})

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


def _database(settings: Settings) -> dict[str, str]:
    seconds = str(settings.database_seconds)
    return {"SIGNET_DATABASE_URL": settings.database_url, "SIGNET_DATABASE_SECONDS": seconds}


class Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket, as the proxy speaks it."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Service:
    """A subscriber's own side: its key, its certificate, and a TLS context that presents it."""

    def __init__(self, settings: Settings, subscriber: Subscriber) -> None:
        key = new_key()
        issued = issue_certificate(settings, subscriber, signing_request(key), actor="mia")
        db.session.commit()
        self.subscriber_id, self.serial_number, self.certificate = (
            subscriber.id,
            issued.serial_number,
            issued.certificate,
        )
        path = settings.home / f"{self.serial_number}.pem"
        write_private(path, private_pem(key) + self.certificate.encode())
        self.context = ssl.create_default_context(cafile=settings.certs / "ca.pem")
        self.context.load_cert_chain(path)


class Home:
    """What the processes share, and what the test itself does to it as one more process."""

    def __init__(self, settings: Settings, app: Flask) -> None:
        self.settings, self.app = settings, app

    def admit(self) -> Service:
        """A new subscriber of the model `iris`, with a certificate."""
        subscriber = create_subscriber(f"billing {uuid4().hex}", actor="mia", models=["iris"])
        return Service(self.settings, subscriber)

    def another(self, service: Service) -> Service:
        """Another certificate of the same subscriber."""
        return Service(self.settings, db.session.get_one(Subscriber, service.subscriber_id))

    def events(self, target: str) -> list[AuditEvent]:
        """What the journal says of a target."""
        db.session.rollback()
        return list(db.session.scalars(select(AuditEvent).where(AuditEvent.target == target)))


@contextlib.contextmanager
def home_in(folder: Path, **more: Any) -> Iterator[Home]:
    """A home with its authority and its migrated database; `more` are other settings."""
    settings = Settings(home=folder, **more)
    ensure_authority(settings)
    upgrade(settings)
    app = create_storage(settings)
    with app.app_context():
        yield Home(settings, app)
        db.session.remove()
        db.engine.dispose()


def ask(connection: http.client.HTTPConnection, method: str, path: str, **more: Any) -> tuple[int, Any]:
    """Status and document of one request."""
    connection.request(method, path, **more)
    answer = connection.getresponse()
    body = answer.read()
    return answer.status, json.loads(body) if body else None


def bound_token(connection: http.client.HTTPConnection, service: Service) -> str:
    """A token of the service, bound to the certificate of this connection."""
    form = urlencode({"grant_type": "client_credentials", "client_id": service.subscriber_id})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    status, answer = ask(connection, "POST", "/oauth/token", body=form, headers=kind)
    assert status == 200, answer
    token: str = answer["access_token"]
    return token


def predict(connection: http.client.HTTPConnection, headers: dict[str, str] | None = None) -> int:
    """The status of a prediction for no row."""
    sent = {"Content-Type": "application/json"} | (headers or {})
    return ask(connection, "POST", "/v1/models/iris/predict", body=b'{"features": []}', headers=sent)[0]
