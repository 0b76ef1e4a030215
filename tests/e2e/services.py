"""Who calls a running platform: a person with a token, a service with its certificate, or with a token bound to it."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from backend.pki.keystore import private_pem, write_private
from tests.certifying import new_key, signing_request
from tests.e2e.running import Platform


@dataclass(frozen=True)
class Caller:
    """What a client is told: whom to trust, and who it is. `certificate` is one PEM file with certificate and key."""

    ca: str
    token: str | None = None
    certificate: str | None = None

    def context(self) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            made.load_cert_chain(self.certificate)
        return made

    def client(self, platform: Platform) -> httpx.Client:
        """Connections of this caller alone."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.Client(base_url=platform.api_url, verify=self.context(), headers=headers, timeout=60)


def person(platform: Platform, username: str = "admin", password: str | None = None) -> Caller:
    """Somebody who signed in a moment ago; the first administrator unless said otherwise."""
    token = platform.client(username, password).headers["Authorization"].removeprefix("Bearer ")
    return Caller(_ca(platform), token=token)


@dataclass(frozen=True)
class Service:
    """A subscriber that enrolled as the page for microservices says, by HTTP alone."""

    platform: Platform
    id: str
    serial_number: str
    certificate: str

    @classmethod
    def enrol(cls, platform: Platform, folder: Path, manager: httpx.Client | None = None, **terms: Any) -> "Service":
        """Admitted by the administrator (or `manager`, who is signed in) on these terms; its PEM file is made in `folder`."""
        manager = manager or platform.client()
        admitted = _done(manager.post("/v1/subscribers", json={"name": f"service-{uuid4().hex}", **terms}), 201)
        token = _done(manager.post(f"/v1/subscribers/{admitted['id']}/enrolment"), 201)["token"]
        key = new_key()
        with httpx.Client(base_url=platform.api_url, verify=Caller(_ca(platform)).context(), timeout=60) as nobody:
            asked = {"token": token, "csr": signing_request(key).decode()}
            issued = _done(nobody.post("/v1/enrol", json=asked), 201)
        path = folder / f"{issued['serial_number']}.pem"
        write_private(path, issued["certificate"].encode() + private_pem(key))
        return cls(platform, admitted["id"], issued["serial_number"], str(path))

    def caller(self) -> Caller:
        """By its certificate alone."""
        return Caller(_ca(self.platform), certificate=self.certificate)

    def bound(self) -> Caller:
        """By a token of the next minutes, and the certificate that it is bound to."""
        asked = {"grant_type": "client_credentials", "client_id": self.id}
        with self.caller().client(self.platform) as itself:
            token = _done(itself.post("/oauth/token", data=asked), 200)["access_token"]
        return Caller(_ca(self.platform), token=token, certificate=self.certificate)

    def revoke(self, manager: httpx.Client) -> None:
        """Take its certificate back."""
        _done(manager.post(f"/v1/certificates/{self.serial_number}/revoke", json={"reason": "keyCompromise"}), 200)

    def delete(self, manager: httpx.Client | None = None) -> None:
        """Remove the subscriber for good."""
        answer = (manager or self.platform.client()).delete(f"/v1/subscribers/{self.id}")
        assert answer.status_code == 204, answer.text


def _ca(platform: Platform) -> str:
    return str(platform.home / "certs" / "ca.pem")


def _done(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()
