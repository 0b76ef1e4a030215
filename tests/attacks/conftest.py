"""A running API to attack, over real TLS, and who calls it."""

import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from backend.app import create_app
from backend.database import db
from backend.identity import authority
from backend.identity.authority import ensure_token_key
from backend.identity.issuing import issue_certificate
from backend.identity.principal import Role
from backend.identity.subscribers import create_subscriber, get_subscriber
from backend.identity.users import create_user
from backend.migrations.upgrade import upgrade
from backend.pki.certifying import pem
from backend.pki.keystore import private_pem, write_private
from backend.settings import REPOSITORY, Settings
from tests.api.conftest import registered, subscribed
from tests.certifying import new_key, signing_request
from tests.conftest import PASSWORD
from tests.e2e.running import free_ports
from tests.server.conftest import eventually

__all__ = ["registered", "subscribed"]

LET_IN = 400  # a caller that went through, whose body then was of no use
AGE = timedelta(hours=3)


class Older(datetime):
    """The moment at which the authority was made: what it signs may begin from then on."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) - AGE


class Service:
    """A subscriber of the running API with its key, and the connections that it makes."""

    def __init__(self, api: "Running", **terms: Any) -> None:
        self.api, self.key = api, new_key()
        with api.storage():
            subscriber = create_subscriber(f"service-{uuid4()}", actor="mia", **terms)
            self.id, self.name = subscriber.id, subscriber.name
            issued = issue_certificate(api.settings, subscriber, signing_request(self.key), actor="mia")
            self.serial_number, self.certificate, self.chain = issued.serial_number, issued.certificate, issued.chain
            db.session.commit()

    def context(self) -> ssl.SSLContext:
        return self.api.presenting(self.key, self.certificate)

    def client(self) -> httpx.Client:
        return self.api.client(self.context())


class Running:
    """The whole API as a process of its own, over a home and a database that the test reaches too."""

    def __init__(self, home: Path, **variables: str) -> None:
        (self.port,) = free_ports(1)
        self.home, self.settings, self.log = home, Settings(home=home, port=self.port), home / "server.log"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(authority, "datetime", Older)
            self.authority = authority.ensure_authority(self.settings)
        ensure_token_key(self.settings)
        upgrade(self.settings)
        self.app: Flask = create_app(self.settings)
        (home / "on-time").touch()
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"} | variables
        command = [sys.executable, "-m", "tests.api.served", str(home), str(self.port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        eventually(self._is_live, seconds=60)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def _is_live(self) -> bool:
        try:
            with self.client() as caller:
                return caller.get("/health/live").status_code == 200
        except httpx.TransportError:
            return False

    @contextlib.contextmanager
    def storage(self) -> Iterator[Flask]:
        with self.app.app_context():
            try:
                yield self.app
            finally:
                db.session.remove()

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.settings.certs / "ca.pem")

    def presenting(self, key: ec.EllipticCurvePrivateKey, *certificates: str | x509.Certificate) -> ssl.SSLContext:
        """What a client uses that holds this key and sends these certificates."""
        path = self.home / f"{uuid4()}.pem"
        parts = [each.encode() if isinstance(each, str) else pem(each) for each in certificates]
        write_private(path, private_pem(key) + b"".join(parts))
        context = self.trust()
        context.load_cert_chain(path)
        path.unlink()
        return context

    def client(self, context: ssl.SSLContext | None = None) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=context or self.trust(), timeout=30)

    def admit(self, **terms: Any) -> Service:
        return Service(self, **({"models": ["iris"]} | terms))

    def sign_in(self, role: Role) -> dict[str, str]:
        """The header of a person of that role who signed in a moment ago."""
        name = f"{role.value}-{uuid4().hex[:12]}"
        with self.storage():
            create_user(name, PASSWORD, role)
            db.session.commit()
        with self.client() as caller:
            answer = caller.post("/login", json={"username": name, "password": PASSWORD})
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def revoke(self, service: Service) -> None:
        with self.client() as caller:
            path = f"/v1/certificates/{service.serial_number}/revoke"
            answer = caller.post(path, json={"reason": "keyCompromise"}, headers=self.sign_in(Role.MANAGER))
        assert answer.status_code == 200, answer.text

    def another_certificate(self, service: Service, settings: Settings | None = None) -> str:
        """One more for the key of a service."""
        with self.storage():
            subscriber = get_subscriber(service.id)
            issued = issue_certificate(settings or self.settings, subscriber, signing_request(service.key), actor="mia")
            db.session.commit()
            return issued.certificate

    def exchange(self, sent: bytes) -> bytes:
        """All that the server answers to these bytes, until it closes."""
        import socket

        raw = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        with self.trust().wrap_socket(raw, server_hostname="localhost") as connection:
            connection.sendall(sent)
            parts = []
            with contextlib.suppress(OSError):
                while part := connection.recv(65536):
                    parts.append(part)
            return b"".join(parts)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("attacked"))
    yield running
    running.stop()


Admit = Callable[..., Any]
