"""Revocation lists as verifiers read them."""

import subprocess
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

from backend.errors import Invalid
from backend.pki.authority import Authority
from backend.pki.certifying import key_identifier, pem
from backend.pki.revocation import REASONS, Revocation
from tests.pki.conftest import NOW


def _leaf(authority: Authority) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return authority.issue_subscriber_certificate(key, subscriber=uuid4(), trust_domain="x.test", now=NOW)


def test_every_field_of_the_list(authority: Authority) -> None:
    crl = authority.revocation_list([], number=7, now=NOW)
    issuer = authority.subscribers.certificate
    assert crl.issuer == issuer.subject
    assert crl.last_update_utc == NOW
    assert crl.next_update_utc == NOW + timedelta(days=7)
    assert isinstance(crl.signature_hash_algorithm, hashes.SHA256)
    assert crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 7
    identifier = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == key_identifier(issuer).digest
    assert {e.oid for e in crl.extensions} == {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER}
    assert list(crl) == []


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_stated_but_for_unspecified(authority: Authority, reason: str) -> None:
    revoked_at = NOW - timedelta(hours=1)
    crl = authority.revocation_list([Revocation(4711, revoked_at, reason)], number=1, now=NOW)
    entry = crl.get_revoked_certificate_by_serial_number(4711)
    assert entry is not None
    assert entry.revocation_date_utc == revoked_at
    stated = [e.value.reason.value for e in entry.extensions if isinstance(e.value, x509.CRLReason)]
    assert stated == ([] if reason == "unspecified" else [reason])


@pytest.mark.parametrize("reason", ["removeFromCRL", "because", ""])
def test_other_reasons_are_refused(authority: Authority, reason: str) -> None:
    with pytest.raises(Invalid, match="no reason for revocation"):
        authority.revocation_list([Revocation(1, NOW, reason)], number=1, now=NOW)


def test_openssl_refuses_what_the_list_names_and_nothing_else(authority: Authority, tmp_path: Path) -> None:
    good, bad = _leaf(authority), _leaf(authority)
    crl = authority.revocation_list([Revocation(bad.serial_number, NOW, "keyCompromise")], number=1, now=NOW)
    (tmp_path / "list.crl").write_bytes(crl.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "root.pem").write_bytes(pem(authority.root))
    (tmp_path / "issuer.pem").write_bytes(pem(authority.subscribers.certificate))
    answers = []
    for leaf in (good, bad):
        (tmp_path / "leaf.pem").write_bytes(pem(leaf))
        command = ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-crl_check"]
        command += ["-CRLfile", "list.crl", "-CAfile", "root.pem", "-untrusted", "issuer.pem", "leaf.pem"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
        answers.append(run.stdout + run.stderr)
    assert answers[0] == "leaf.pem: OK\n"
    assert "certificate revoked" in answers[1]
