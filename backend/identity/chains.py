"""Certificates whose handshake somebody else made: a certificate comes in, and whether our authority issued it is found out."""

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from backend.database import now
from backend.errors import InvalidCertificate
from backend.identity.authority_files import read_certificate
from backend.settings import Settings


def verify_chain(settings: Settings, der: bytes) -> None:
    """InvalidCertificate unless the certificate (DER) is a client's, was issued by the subscribers' authority, and is in its life."""
    anchor = Store([read_certificate(settings, "subscribers-ca")])
    verifier = PolicyBuilder().store(anchor).time(now()).build_client_verifier()
    try:
        verifier.verify(x509.load_der_x509_certificate(der), [])
    except (VerificationError, ValueError) as error:
        raise InvalidCertificate(
            "This certificate was not issued to a subscriber of this platform, or has ended.", cause=str(error)
        ) from error
