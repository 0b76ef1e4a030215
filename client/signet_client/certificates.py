"""Certificates of subscribers: issued, listed, taken back; and fetched or renewed by the service itself."""

from __future__ import annotations

from typing import cast

from signet_client.connection import Connection
from signet_client.paths import path
from signet_client.types import Certificate, CertificateState, Issued, MadeKey


class Certificates:
    """The calls under `/v1/certificates`, and what else makes or hands out certificates."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call
        self._fetch = connection.fetch

    def list(
        self,
        *,
        subscriber_id: str | None = None,
        state: CertificateState | None = None,
        expiring_within_days: int | None = None,
    ) -> list[Certificate]:
        """Those that fit, the one that ends first first."""
        wanted = {"subscriber": subscriber_id, "state": state, "expiring_within_days": expiring_within_days}
        asked = {key: value for key, value in wanted.items() if value is not None}
        return cast("list[Certificate]", self._call("GET", "/v1/certificates", params=asked)["items"])

    def get(self, serial_number: str) -> Certificate:
        return cast("Certificate", self._call("GET", path("v1", "certificates", serial_number)))

    def issue(self, subscriber_id: str, csr: str) -> Issued:
        """A certificate for a signing request (PEM), of which only the public key is used."""
        return cast("Issued", self._issue(subscriber_id, {"csr": csr}))

    def make_key(self, subscriber_id: str) -> MadeKey:
        """A key made by the platform, its certificate, and where its PKCS#12 file waits to be fetched once."""
        return cast("MadeKey", self._issue(subscriber_id, {"generate": True}))

    def key_file(self, token: str, password: str | None = None, otp: str | None = None) -> bytes:
        """The PKCS#12 file that waits under this token (the last part of `download`); Gone the second time.

        ProofRequired for who signed in more than ten minutes ago and does not give their own password (and code) again.
        """
        address = path("v1", "key-files", token)
        if password is None:
            return self._fetch(address)
        return self._fetch(address, method="POST", json={"password": password} | ({"otp": otp} if otp else {}))

    def revoke(self, serial_number: str, reason: str = "unspecified") -> Certificate:
        """Take it back for good; `reason` is one of RFC 5280's words."""
        address = path("v1", "certificates", serial_number, "revoke")
        return cast("Certificate", self._call("POST", address, json={"reason": reason}))

    def enrol(self, token: str, csr: str) -> Issued:
        """The first certificate of a service that holds an enrolment token; needs no sign-in."""
        return cast("Issued", self._call("POST", "/v1/enrol", json={"token": token, "csr": csr}))

    def renew(self, csr: str) -> Issued:
        """The next certificate of the service that calls with its present one, for a new key."""
        return cast("Issued", self._call("POST", "/v1/certificates/renew", json={"csr": csr}))

    def revocation_list(self) -> bytes:
        """The list of certificates that were taken back (CRL, DER)."""
        return self._fetch("/pki/subscribers.crl")

    def _issue(self, subscriber_id: str, body: dict[str, object]) -> object:
        return self._call("POST", path("v1", "subscribers", subscriber_id, "certificates"), json=body)
