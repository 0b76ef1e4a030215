"""Tokens of both kinds as a forger would write them."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwk, jws
from werkzeug.test import TestResponse

from backend.pki.keystore import private_pem

HEADROOM = 30  # seconds: the most by which two clocks may differ


class Present(Protocol):
    """Sends a token to an address that takes tokens of its kind."""

    def __call__(self, token: str) -> TestResponse: ...


@dataclass(frozen=True)
class Kind:
    """One kind of token: a good one, the key that signs it, and how it is presented."""

    name: str
    good: str
    key: jwk.ECKey
    present: Present

    @property
    def header(self) -> dict[str, Any]:
        return _read(self.good.split(".")[0])

    @property
    def claims(self) -> dict[str, Any]:
        return _read(self.good.split(".")[1])

    def signed(self, *, header: dict[str, Any] | None = None, key: jwk.ECKey | None = None, **changes: Any) -> str:
        """The good token with these changes, properly signed; a claim that becomes None is left out."""
        claims = {name: value for name, value in (self.claims | changes).items() if value is not None}
        text = f"{part(self.header | (header or {}))}.{part(claims)}"
        return f"{text}.{_signature(key or self.key, text)}"

    def unsigned(self, algorithm: str) -> str:
        return f"{part(self.header | {'alg': algorithm})}.{part(self.claims)}."

    def by_public_key(self) -> str:
        """Signed by HMAC with the public key, which a careless verifier takes for the secret."""
        public = self.key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        text = f"{part(self.header | {'alg': 'HS256'})}.{part(self.claims)}"
        return f"{text}.{encoded(hmac.new(public, text.encode(), hashlib.sha256).digest())}"

    def with_signature(self, signature: bytes) -> str:
        return f"{self.good.rpartition('.')[0]}.{encoded(signature)}"


def _signature(key: jwk.ECKey, text: str) -> str:
    algorithm = jws.JWSRegistry.algorithms["ES256"]
    return encoded(algorithm.sign(text.encode(), key))


def part(value: object) -> str:
    return encoded(value if isinstance(value, bytes) else json.dumps(value).encode())


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def stranger() -> jwk.ECKey:
    """A key that is not ours."""
    return jwk.ECKey.import_key(private_pem(ec.generate_private_key(ec.SECP256R1())))


def soon(seconds: float) -> int:
    return int(time.time() + seconds)


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(f"{text}=="))
    return found
