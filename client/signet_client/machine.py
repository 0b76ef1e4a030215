"""A machine's own side: its key and certificate in one file, what it asks with them, and their renewal.

Needs the package `cryptography` besides: `signet-client[machine]`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Self

import httpx

from signet_client.client import Signet
from signet_client.connection import TIMEOUT, Connection, open_http
from signet_client.key_pair import Identity, make_key, read_identity, signing_request, write_identity
from signet_client.tokens import TokenBox, Tokens
from signet_client.types import Prediction, Predictions, Row

BATCH = 1000


class Machine:
    """A subscriber that calls with the certificate in the file `pem` (certificate and key, PEM); safe to share between threads.

    With a `scope`, such as `predict` or `predict:iris`, it shows a token of that scope beside the certificate, bound to it (RFC 8705),
    and fetches the next one before it ends. `ca` is the PEM file of the authority to trust.
    """

    def __init__(
        self,
        base_url: str,
        pem: Path | str,
        *,
        ca: Path | str | None = None,
        scope: str | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
    ) -> None:
        self._base_url, self._pem, self._ca = base_url, Path(pem), ca
        self._scope, self._timeout = scope, timeout
        self._lock = threading.Lock()
        self._opened: list[httpx.Client] = []
        self._identity, self._by_certificate = self._open()
        self._signet = self._by_certificate

    @classmethod
    def enrol(
        cls, base_url: str, pem: Path | str, token: str, *, ca: Path | str | None = None, scope: str | None = None
    ) -> Self:
        """Exchange an enrolment token for a certificate: a key is made here, never leaves, and is kept in the new file `pem`.

        Raises Unauthenticated where the token is used or too old, FileExistsError where there is such a file.
        """
        if Path(pem).exists():
            raise FileExistsError(f"{pem} is there already; it would be overwritten.")
        key = make_key()
        with Signet(base_url, ca=ca) as nobody:
            issued = nobody.certificates.enrol(token, signing_request(key))
        write_identity(Path(pem), issued["certificate"], key)
        return cls(base_url, pem, ca=ca, scope=scope)

    @property
    def identity(self) -> Identity:
        """The subscriber's id and the life of the certificate in use."""
        return self._identity

    def predict(
        self, row: Row, *, model: str | None = None, version: str | None = None, alias: str | None = None
    ) -> Prediction:
        """The prediction for one row, as `Signet.predict` answers it."""
        return self.signet.predict(row, model=model, version=version, alias=alias)

    def predict_many(
        self, rows: Iterable[Row], *, model: str | None = None, version: str | None = None, alias: str | None = None
    ) -> Predictions:
        """The predictions for many rows in one request, in their order."""
        return self.signet.predict_many(list(rows), model=model, version=version, alias=alias)

    def batch(
        self,
        rows: Iterable[Row],
        *,
        model: str,
        version: str | None = None,
        alias: str | None = None,
        size: int = BATCH,
    ) -> Iterator[Predictions]:
        """The predictions for any number of rows, `size` of them in a request, all by the version that answers the first."""
        left = iter(rows)
        while part := list(islice(left, size)):
            answer = self.predict_many(part, model=model, version=version, alias=alias)
            version, alias = answer["version"], None
            yield answer

    def renew_when_due(self) -> bool:
        """Renew the certificate in the last third of its life, for a new key; False where it is not due. To be called once a day.

        The file is replaced as a whole, and later calls use the new one; the old one stays good for a while beside it.
        """
        with self._lock:
            if datetime.now(UTC) < self._identity.renewable_from:
                return False
            key = make_key()
            issued = self._signet.certificates.renew(signing_request(key))
            write_identity(self._pem, issued["certificate"], key)
            self._identity, self._by_certificate = self._open()
            self._signet = self._by_certificate
            return True

    @property
    def signet(self) -> Signet:
        """Every other call, made by this machine."""
        with self._lock:
            tokens = self._signet.tokens
            if self._scope is not None and (tokens is None or tokens.is_expiring):
                self._signet = self._by_certificate.with_tokens(self._fetch_token(self._scope))
            return self._signet

    def close(self) -> None:
        for http in self._opened:
            http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> tuple[Identity, Signet]:
        """Connections that present what is in the file now. The earlier ones stay open for calls that are under way."""
        identity, pair = read_identity(self._pem), (self._pem, self._pem)
        http = open_http(self._base_url, ca=self._ca, certificate=pair, timeout=self._timeout)
        self._opened.append(http)
        return identity, Signet(self._base_url, http=http)

    def _fetch_token(self, scope: str) -> Tokens:
        asked = {"grant_type": "client_credentials", "client_id": self._identity.subscriber_id, "scope": scope}
        return Connection(self._opened[-1], TokenBox(), {}).fetch_tokens("/oauth/token", data=asked)
