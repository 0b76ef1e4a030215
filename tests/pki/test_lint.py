"""Every certificate and revocation list as an outside linter of RFC 5280 reads it."""

from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from backend.pki.authority import Authority
from backend.pki.certifying import pem
from backend.pki.profiles import PROFILES
from backend.pki.revocation import REASONS, Revocation
from tests.certifying import lint_certificate, lint_revocation_list, new_key
from tests.pki.conftest import NOW


@pytest.fixture(scope="module")
def certificates(authority: Authority) -> dict[str, x509.Certificate]:
    """One certificate of each profile, with everything that it can state."""
    key = new_key().public_key()
    return {
        "root": authority.root,
        "subscribers-ca": authority.subscribers.certificate,
        "server-ca": authority.servers.certificate,
        "server": authority.issue_server_certificate(key, ["signet.example", "127.0.0.1", "::1"], now=NOW),
        "subscriber": authority.issue_subscriber_certificate(
            key, subscriber=uuid4(), trust_domain="x.test", now=NOW, published_at="http://pki.example.org/pki"
        ),
        "web-app": authority.issue_web_app_certificate(key, trust_domain="x.test", now=NOW),
    }


@pytest.mark.parametrize("profile", list(PROFILES))
def test_certificates(certificates: dict[str, x509.Certificate], profile: str, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_bytes(pem(certificates[profile]))
    assert lint_certificate(tmp_path / "x.pem") == set()


def test_of_a_name_without_a_dot_it_finds_that_only(authority: Authority, tmp_path: Path) -> None:
    leaf = authority.issue_server_certificate(new_key().public_key(), ["localhost"], now=NOW)
    (tmp_path / "x.pem").write_bytes(pem(leaf))
    assert lint_certificate(tmp_path / "x.pem") == {"pkix.invalid_domain_name_syntax"}


@pytest.mark.parametrize("count", [0, len(REASONS)])
def test_revocation_lists(authority: Authority, count: int, tmp_path: Path) -> None:
    revoked = [Revocation(4711 + at, NOW, reason) for at, reason in enumerate(REASONS[:count])]
    listed = authority.revocation_list(revoked, number=1, now=NOW)
    (tmp_path / "x.crl").write_bytes(listed.public_bytes(serialization.Encoding.DER))
    assert lint_revocation_list(tmp_path / "x.crl") == set()


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    key, name = new_key(), x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW)
    (tmp_path / "x.pem").write_bytes(pem(dated.sign(key, hashes.SHA256())))
    assert lint_certificate(tmp_path / "x.pem")
