"""Signing requests: only a proven public key of an accepted kind is taken from them."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from backend.errors import Invalid, Malformed
from backend.pki.public_keys import accepted_key, key_digest, public_key_of_request


def _request(key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_the_public_key_of_a_request() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    assert public_key_of_request(_request(key)) == key.public_key()


def test_what_else_a_request_asks_for_is_not_looked_at() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    asked = _request(
        key, x509.BasicConstraints(ca=True, path_length=None), x509.SubjectAlternativeName([x509.DNSName("evil.test")])
    )
    assert public_key_of_request(asked) == key.public_key()


def test_a_request_without_proof_of_the_private_key_is_refused() -> None:
    good = _request(ec.generate_private_key(ec.SECP256R1()))
    der = bytearray(x509.load_pem_x509_csr(good).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    forged = (
        b"-----BEGIN CERTIFICATE REQUEST-----\n"
        + base64.encodebytes(bytes(der))
        + b"-----END CERTIFICATE REQUEST-----\n"
    )
    with pytest.raises(Invalid, match="does not match"):
        public_key_of_request(forged)


@pytest.mark.parametrize(
    "text", [b"", b"garbage", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
)
def test_what_is_no_request_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        public_key_of_request(text)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_accepted_curves(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve).public_key()
    assert accepted_key(key) is key


@pytest.mark.parametrize("bits", [2048, 4096])
def test_accepted_rsa(bits: int) -> None:
    numbers = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 1)
    key = numbers.public_key()
    assert accepted_key(key) is key


def _rsa(exponent: int, bits: int) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(exponent, (1 << (bits - 1)) + 1).public_key()


@pytest.mark.parametrize(
    "key",
    [
        _rsa(65537, 1024),
        _rsa(65537, 8192),
        _rsa(3, 2048),
        ec.generate_private_key(ec.SECP521R1()).public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        ed25519.Ed25519PrivateKey.generate().public_key(),
        None,
    ],
    ids=["rsa-1024", "rsa-8192", "rsa-exponent-3", "p-521", "secp256k1", "ed25519", "none"],
)
def test_other_keys_are_refused(key: object) -> None:
    with pytest.raises(Invalid, match="not accepted"):
        accepted_key(key)


def test_a_key_has_one_digest_whatever_certifies_it() -> None:
    first, second = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    assert key_digest(public_key_of_request(_request(first))) == key_digest(first.public_key())
    assert key_digest(first.public_key()) != key_digest(second.public_key())
    assert len(key_digest(_rsa(65537, 2048))) == 64
