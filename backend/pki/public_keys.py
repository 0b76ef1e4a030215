"""What a subscriber or a server may bring to be certified: a public key of an accepted kind, and nothing else."""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from backend.errors import Invalid, Malformed
from backend.pki.profiles import ACCEPTED_CURVES, ACCEPTED_RSA_BITS

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_ACCEPTED = "use an elliptic curve key on P-256 or P-384, or an RSA key of 2048 to 4096 bits"


def public_key_of_request(pem: bytes) -> PublicKey:
    """The public key of a certificate signing request (PEM), once its owner has proved to hold the private one.

    Names and extensions that the request asks for are ignored: only our own profiles say what a certificate holds.
    Raises Malformed where it is no request, Invalid where the proof or the kind of key is not good.
    """
    try:
        request = x509.load_pem_x509_csr(pem)
        proved = request.is_signature_valid
        key = request.public_key()
    except Exception as error:  # the parser raises many kinds, some of them only on hostile input
        raise Malformed("This is not a certificate signing request in PEM", cause=str(error)) from error
    if not proved:
        raise Invalid("The signature of the signing request does not match its public key")
    return accepted_key(key)


def key_digest(key: PublicKey) -> str:
    """SHA-256 of the public key (SubjectPublicKeyInfo, DER), hexadecimal: the same key has the same, whatever certifies it."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def accepted_key(key: object) -> PublicKey:
    """The same key where it is of an accepted kind and strength; Invalid says which kinds are."""
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in ACCEPTED_CURVES:
            return key
        case rsa.RSAPublicKey() if key.key_size in ACCEPTED_RSA_BITS and key.public_numbers().e >= 65537:
            return key
    raise Invalid(f"This kind of key is not accepted: {_ACCEPTED}")
