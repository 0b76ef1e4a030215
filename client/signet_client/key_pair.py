"""A key and its certificate in one PEM file: made, asked to be certified, kept and read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Identity:
    """Whose certificate it is, and when it is good; times are UTC."""

    subscriber_id: str
    not_before: datetime
    not_after: datetime

    @property
    def renewable_from(self) -> datetime:
        """When the last third of its life begins."""
        return self.not_after - (self.not_after - self.not_before) / 3


def make_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def signing_request(key: Key) -> str:
    """A certificate signing request (PEM); the platform reads nothing of it but the public key."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def write_identity(path: Path, certificate: str, key: Key) -> None:
    """Keep both in one file that only its owner reads; it takes the place of an earlier one as a whole."""
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(certificate.encode() + plain)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_identity(path: Path) -> Identity:
    """What the certificate in the file says; ValueError where it is none of a subscriber."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1 or "/subscriber/" not in uris[0]:
        raise ValueError(f"The certificate in {path} is not that of a subscriber.")
    return Identity(uris[0].rpartition("/")[2], certificate.not_valid_before_utc, certificate.not_valid_after_utc)
