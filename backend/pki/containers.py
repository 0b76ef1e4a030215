"""Certificates put into the containers in which other programs take them: PKCS#12 with its key, PKCS#7 without."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs7, pkcs12

# The file's integrity code is always made with 2048 rounds, so nothing but the password's own strength protects the file.
_LEAST_PASSWORD_CHARACTERS = 22  # of base64: 128 bits
_ROUNDS = 600_000


def key_file(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    password: str,
) -> bytes:
    """PKCS#12 that holds the private key, its certificate and `chain`, under a generated password of at least 128 bits."""
    if len(password) < _LEAST_PASSWORD_CHARACTERS:
        raise ValueError("the password of a key file is generated, and has at least 128 bits")
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.encode())
    )
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, list(chain), encryption)


def certificates_only(certificates: Sequence[x509.Certificate]) -> bytes:
    """PKCS#7 (DER) that holds certificates and no signature, as EST answers with."""
    return pkcs7.serialize_certificates(list(certificates), serialization.Encoding.DER)
