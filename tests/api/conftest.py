"""Models that the API serves while MLflow is away: the files are here, the aliases are known from before."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.algorithms.manifest import fingerprint
from backend.algorithms.signature import Signature
from backend.database import db
from backend.identity.authority import ensure_authority
from backend.identity.issuing import issue_certificate
from backend.identity.subscribers import create_subscriber
from backend.identity.web_app_certificate import FILE
from backend.listener.wsgi import CLIENT_CERTIFICATE
from backend.registry.files import bundle_folder
from backend.registry.known_aliases import read_known_aliases, write_known_aliases
from backend.registry.tables import ModelVersion
from backend.settings import Settings
from tests.certifying import der_of, new_key, signing_request
from tests.trained import make_job, make_result


class Registered:
    """Registers versions without a training and without MLflow."""

    def __init__(self, app: Flask, settings: Settings, folder: Path) -> None:
        self.app, self.settings, self.folder = app, settings, folder
        self.count = 0

    def __call__(
        self, model: str, task: str, *, version: int = 1, alias: str | None = "champion", **more: Any
    ) -> ModelVersion:
        self.count += 1
        result = make_result(self.folder / str(self.count), task, seed=self.count, **more)  # type: ignore[arg-type]
        return self.keep(result, model, task, version, alias)

    def keep(self, result: Path, model: str, task: str, version: int, alias: str | None) -> ModelVersion:
        """Register what a training left in the folder `result`."""
        manifest = fingerprint(result / "bundle")
        target = bundle_folder(self.settings, manifest)
        target.parent.mkdir(parents=True, exist_ok=True)
        (result / "bundle").rename(target)
        job = make_job(model)
        told = result / "result.json"
        compiled = json.loads(told.read_text())["compiled"] if told.exists() else {}
        row = ModelVersion(
            model=model, version=version, job_id=job.id, run_id="0" * 32, dataset_id=job.dataset_id, algorithm="xgboost",
            task=task, digest=manifest.digest, manifest=manifest.to_json(), artifact_path="x",
            signature=_signature(target), metrics={"accuracy": 0.9}, compiled=compiled, created_by="ada",
        )  # fmt: skip
        db.session.add(row)
        db.session.commit()
        if alias:
            known = {name: dict(named) for name, named in read_known_aliases(self.settings).items()}
            known.setdefault(model, {})[alias] = version
            write_known_aliases(self.settings, known)
        return row


def _signature(folder: Path) -> dict[str, object]:
    data: dict[str, object] = json.loads((folder / "signet.json").read_text())
    Signature.from_json(data)
    return data


@pytest.fixture
def registered(app: Flask, settings: Settings, tmp_path: Path) -> Registered:
    return Registered(app, settings, tmp_path / "results")


LET_IN = 400  # a caller that went through, whose body then was of no use


class Subscribed:
    """A subscriber with a certificate, and the calls that it makes."""

    def __init__(self, http: FlaskClient, settings: Settings, name: str, **terms: Any) -> None:
        self.http = http
        subscriber = create_subscriber(name, actor="mia", **terms)
        self.id, self.key = subscriber.id, new_key()
        self.issued = issue_certificate(settings, subscriber, signing_request(self.key), actor="mia")
        self.der = der_of(self.issued.certificate)
        db.session.commit()

    def call(self, method: str, path: str, *, token: str | None = None, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        presented = {CLIENT_CERTIFICATE: self.der}
        return self.http.open(path, method=method, headers=headers, environ_overrides=presented, **more)

    def predict(self, model: str, *, token: str | None = None) -> TestResponse:
        """A prediction for no row: what counts is whether the body was looked at (LET_IN) or not (401, 403, 429)."""
        return self.call("POST", f"/v1/models/{model}/predict", token=token, json={"features": []})

    def ask_token(self, **form: str) -> TestResponse:
        return self.call("POST", "/oauth/token", data={"grant_type": "client_credentials", "client_id": self.id} | form)

    def token(self, **form: str) -> str:
        answer = self.ask_token(**form)
        assert answer.status_code == 200, answer.text
        token: str = answer.get_json()["access_token"]
        return token


@pytest.fixture
def subscribed(app: Flask, http: FlaskClient, settings: Settings) -> Callable[..., Subscribed]:
    """Admits subscribers: `subscribed(name, models=[..], ..)`."""
    ensure_authority(settings)
    return partial(Subscribed, http, settings)


CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"


class WebApp:
    """The platform's own web app, as the API sees it: calls with its certificate."""

    def __init__(self, http: FlaskClient, settings: Settings) -> None:
        self.http = http
        (certificate,) = x509.load_pem_x509_certificates((settings.certs / FILE).read_bytes())
        self.der = certificate.public_bytes(serialization.Encoding.DER)

    def call(self, method: str, path: str, *, token: str | None = None, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # From another machine: what is open to every program on this one is another matter.
        circumstances = {CLIENT_CERTIFICATE: self.der, "REMOTE_ADDR": "192.0.2.9"}
        return self.http.open(path, method=method, headers=headers, environ_overrides=circumstances, **more)

    def begin(self, username: str, password: str, *, agent: str = CHROME, **more: Any) -> TestResponse:
        body = {"username": username, "password": password, "agent": agent} | more
        return self.call("POST", "/v1/web-sessions", json=body)

    def exchange(self, code: str, *, agent: str = CHROME) -> TestResponse:
        return self.call("POST", "/v1/web-sessions/exchange", json={"code": code, "agent": agent})

    def resume(self, handle: str, *, agent: str = CHROME, active: bool = False) -> TestResponse:
        body = {"handle": handle, "agent": agent, "active": active}
        return self.call("POST", "/v1/web-sessions/resume", json=body)

    def end(self, handle: str) -> TestResponse:
        return self.call("DELETE", "/v1/web-sessions/current", json={"handle": handle})

    def sign_in(self, username: str, password: str, *, agent: str = CHROME) -> str:
        """The handle that the browser's cookie then holds."""
        code = self.begin(username, password, agent=agent).get_json()["code"]
        handle: str = self.exchange(code, agent=agent).get_json()["handle"]
        return handle


@pytest.fixture
def web_app(http: FlaskClient, settings: Settings) -> WebApp:
    ensure_authority(settings)
    return WebApp(http, settings)
