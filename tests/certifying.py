"""What a service does to be certified, and what outside tools say of what it is given."""

import json
import subprocess
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# pkilint holds every `spiffe:` address to be wrong; everything else that it says counts.
ALLOWED_FINDINGS = {"pkix.invalid_uri_syntax"}


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def signing_request(key: ec.EllipticCurvePrivateKey | None = None, *extensions: x509.ExtensionType) -> bytes:
    """A signing request (PEM) for this key, or for a new one that nobody needs again."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key or new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def der_of(certificate: str) -> bytes:
    """The bytes of a certificate that was given as PEM."""
    return x509.load_pem_x509_certificate(certificate.encode()).public_bytes(serialization.Encoding.DER)


def lint_certificate(path: Path) -> set[str]:
    """What pkilint finds in a certificate (PEM), other than what is allowed."""
    return _lint("lint_pkix_cert", path)


def lint_revocation_list(path: Path) -> set[str]:
    """What pkilint finds in a revocation list (DER or PEM)."""
    return _lint("lint_crl", path, "-t", "CRL", "-p", "PKIX")


def _lint(tool: str, path: Path, *options: str) -> set[str]:
    command = [sys.executable, "-m", f"pkilint.bin.{tool}", "lint", *options, "-s", "WARNING", "-f", "JSON", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    codes = {
        finding["code"] for result in json.loads(run.stdout)["results"] for finding in result["finding_descriptions"]
    }
    return codes - ALLOWED_FINDINGS


def openssl(folder: Path, *arguments: str) -> str:
    """What `openssl` with these arguments says in `folder`."""
    run = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    return run.stdout + run.stderr
