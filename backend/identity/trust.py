"""The authority's certificates as the public fetches them."""

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from backend.identity.authority_files import read_certificate
from backend.pki.certifying import pem
from backend.pki.containers import certificates_only
from backend.settings import Settings


def root_pem(settings: Settings) -> bytes:
    """The root, which is what a client trusts; PEM."""
    return pem(read_certificate(settings, "root"))


def subscribers_authority_der(settings: Settings) -> bytes:
    """The authority that issues to subscribers, which is what a server trusts; DER."""
    return read_certificate(settings, "subscribers-ca").public_bytes(serialization.Encoding.DER)


def subscribers_chain(settings: Settings) -> bytes:
    """The authority that issues to subscribers, and the root; PKCS#7, DER."""
    return certificates_only([read_certificate(settings, name) for name in ("subscribers-ca", "root")])


def without_chain(certificate: str) -> bytes:
    """One certificate (PEM) alone; PKCS#7, DER."""
    return certificates_only(x509.load_pem_x509_certificates(certificate.encode()))
