"""The client itself: one object, its resources, sign-in and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self, cast

import httpx

from signet_client.account import Account
from signet_client.audit import Audit
from signet_client.certificates import Certificates
from signet_client.connection import TIMEOUT, Connection, open_http
from signet_client.datasets import Datasets
from signet_client.errors import InvalidCredentials, OtpRequired, Unauthenticated
from signet_client.experiments import Experiments
from signet_client.jobs import Algorithms, Jobs
from signet_client.models import Models, chosen_version
from signet_client.monitoring import Monitoring
from signet_client.paths import path
from signet_client.subscribers import Subscribers
from signet_client.tokens import TokenBox, Tokens
from signet_client.types import Explained, Person, Prediction, Predictions, Row
from signet_client.users import Users
from signet_client.web_sessions import WebSessions


class Signet:
    """A connection to the platform, for one caller; safe to share between threads.

    `ca` is the PEM file of the authority to trust (the platform writes it to `certs/ca.pem`), `certificate` a pair of PEM files
    (certificate, key) of a caller that is a service, `token` a ready access token or the tokens of an earlier sign-in. An `http` of
    one's own is used as it is: then `ca`, `certificate`, `transport` and `timeout` are its business. `headers` go with every request.
    """

    def __init__(
        self,
        base_url: str,
        *,
        ca: Path | str | None = None,
        certificate: tuple[Path | str, Path | str] | None = None,
        token: str | Tokens | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
        http: httpx.Client | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        tokens = Tokens(token) if isinstance(token, str) else token
        http = http or open_http(base_url, ca=ca, certificate=certificate, transport=transport, timeout=timeout)
        self._connection = Connection(http, TokenBox(tokens), headers or {})
        self.datasets = Datasets(self._connection)
        self.jobs = Jobs(self._connection)
        self.algorithms = Algorithms(self._connection)
        self.experiments = Experiments(self._connection)
        self.models = Models(self._connection)
        self.subscribers = Subscribers(self._connection)
        self.certificates = Certificates(self._connection)
        self.users = Users(self._connection)
        self.monitoring = Monitoring(self._connection)
        self.audit = Audit(self._connection)
        self.account = Account(self._connection)
        self.web_sessions = WebSessions(self._connection)

    def with_tokens(self, tokens: Tokens | None = None, *, headers: Mapping[str, str] | None = None) -> Signet:
        """A client for another caller over the same pool of connections; closing either closes both.

        `headers` are sent with each of its requests, and with none of this client's.
        """
        http = self._connection.http
        return Signet(str(http.base_url), http=http, token=tokens, headers=headers)

    @property
    def tokens(self) -> Tokens | None:
        """The tokens of this moment; they change when they are renewed."""
        return self._connection.box.tokens

    def login(self, username: str, password: str, *, otp: str | None = None) -> Tokens:
        """Sign in; InvalidCredentials for an unknown user and a wrong password alike, OtpRequired for a second factor."""
        body = {"username": username, "password": password} | ({"otp": otp} if otp else {})
        try:
            tokens = self._connection.fetch_tokens("/login", json=body)
        except OtpRequired:
            raise
        except Unauthenticated as error:
            raise InvalidCredentials(
                error.detail, status=error.status, code=error.code, request_id=error.request_id
            ) from error
        self._connection.box.replace(tokens)
        return tokens

    def refresh(self) -> Tokens | None:
        """Renew the tokens now; calls do this by themselves when it is needed."""
        return self._connection.renew()

    def logout(self) -> None:
        """End the session at the platform; the tokens are forgotten here whatever it answers."""
        try:
            self._connection.call("POST", "/logout")
        finally:
            self._connection.box.replace(None)

    def me(self) -> Person:
        """Who am I, and what may I do."""
        return cast("Person", self._connection.call("GET", "/v1/me"))

    def predict(
        self, row: Row, *, model: str | None = None, version: str | None = None, alias: str | None = None
    ) -> Prediction:
        """The prediction for one row, given by name or in the order of the signature.

        Without `model` the platform's default model answers; Invalid names each field that breaks the model's contract.
        """
        return cast("Prediction", self._predict(row, model, chosen_version(version, alias)))

    def predict_many(
        self, rows: Sequence[Row], *, model: str | None = None, version: str | None = None, alias: str | None = None
    ) -> Predictions:
        """The predictions for many rows, in their order."""
        return cast("Predictions", self._predict(list(rows), model, chosen_version(version, alias)))

    def explain(self, row: Row, *, model: str, version: str | None = None, alias: str | None = None) -> Explained:
        """The prediction for one row and what each column contributed; Conflict where the model's algorithm cannot say."""
        address, chosen = path("v1", "models", model, "explain"), chosen_version(version, alias)
        return cast("Explained", self._connection.call("POST", address, json={"features": row}, params=chosen))

    def _predict(self, features: object, model: str | None, chosen: dict[str, str]) -> object:
        address = path("v1", "models", model, "predict") if model is not None else "/predict"
        return self._connection.call("POST", address, json={"features": features}, params=chosen)

    def close(self) -> None:
        self._connection.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
