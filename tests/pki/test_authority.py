"""What the authority will sign, for how long, and what it refuses."""

import dataclasses
import subprocess
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from backend.errors import Invalid, NotReady
from backend.pki.authority import Authority, host_name, is_ageing, new_key
from backend.pki.certifying import Applicant, Signer, certify, pem
from backend.pki.profiles import ROOT, SERVER, SUBSCRIBER
from tests.pki.conftest import NOW

KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


def _subscriber(authority: Authority, lifetime: timedelta | None = None) -> x509.Certificate:
    return authority.issue_subscriber_certificate(
        KEY, subscriber=uuid4(), trust_domain="signet.example", now=NOW, lifetime=lifetime
    )


def _openssl(*arguments: str) -> str:
    """What the openssl program prints, its complaints included."""
    run = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False)
    return run.stdout + run.stderr


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Path:
    """The authority's certificates and a leaf of each kind, as PEM files."""
    certificates = {
        "root": authority.root,
        "subscribers": authority.subscribers.certificate,
        "servers": authority.servers.certificate,
        "client": _subscriber(authority),
        "server": authority.issue_server_certificate(KEY, ["localhost", "127.0.0.1"], now=NOW),
    }
    for name, certificate in certificates.items():
        (tmp_path / f"{name}.pem").write_bytes(pem(certificate))
    return tmp_path


def _verify(files: Path, purpose: str, issuer: str, leaf: str, *more: str) -> str:
    chain = ["-CAfile", f"{files}/root.pem", "-untrusted", f"{files}/{issuer}.pem", f"{files}/{leaf}.pem"]
    return _openssl("verify", "-x509_strict", "-purpose", purpose, *more, *chain)


def test_openssl_accepts_each_leaf_for_its_purpose(files: Path) -> None:
    assert _verify(files, "sslclient", "subscribers", "client").endswith("client.pem: OK\n")
    assert _verify(files, "sslserver", "servers", "server", "-verify_hostname", "localhost").endswith(
        "server.pem: OK\n"
    )
    assert _verify(files, "sslserver", "servers", "server", "-verify_ip", "127.0.0.1").endswith("server.pem: OK\n")


def test_openssl_refuses_each_leaf_for_the_other_purpose(files: Path) -> None:
    assert "nsuitable certificate purpose" in _verify(files, "sslserver", "subscribers", "client")
    assert "nsuitable certificate purpose" in _verify(files, "sslclient", "servers", "server")


def test_a_leaf_issues_nothing(authority: Authority, files: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = authority.issue_subscriber_certificate(key.public_key(), subscriber=uuid4(), trust_domain="x.test", now=NOW)
    signer = dataclasses.replace(Signer.itself("x", key), name=leaf.subject)
    uri = x509.UniformResourceIdentifier("spiffe://x.test/subscriber/forged")
    forged = certify(SUBSCRIBER, Applicant("forged", KEY, [uri]), signer=signer, now=NOW)
    (files / "leaf.pem").write_bytes(pem(leaf) + pem(authority.subscribers.certificate))
    (files / "forged.pem").write_bytes(pem(forged))
    assert "error" in _verify(files, "sslclient", "leaf", "forged")


@pytest.mark.parametrize("lifetime", [timedelta(hours=1), timedelta(days=90)])
def test_a_life_within_the_limits(authority: Authority, lifetime: timedelta) -> None:
    assert _subscriber(authority, lifetime).not_valid_after_utc == NOW + lifetime


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(minutes=59), timedelta(days=90, seconds=1)])
def test_a_life_outside_the_limits_is_refused(authority: Authority, lifetime: timedelta) -> None:
    with pytest.raises(Invalid, match="may live from"):
        _subscriber(authority, lifetime)


def test_nothing_outlives_its_issuer(authority: Authority) -> None:
    near_the_end = authority.subscribers.certificate.not_valid_after_utc - timedelta(days=1)
    leaf = authority.issue_subscriber_certificate(KEY, subscriber=uuid4(), trust_domain="x.test", now=near_the_end)
    assert leaf.not_valid_after_utc == authority.subscribers.certificate.not_valid_after_utc


def test_an_issuer_past_its_end_signs_nothing(authority: Authority) -> None:
    over = authority.subscribers.certificate.not_valid_after_utc
    with pytest.raises(NotReady):
        authority.issue_subscriber_certificate(KEY, subscriber=uuid4(), trust_domain="x.test", now=over)


@pytest.mark.parametrize("names", [[], ["a", "b"], ["host"]])
def test_a_subscriber_has_exactly_one_uri(authority: Authority, names: list[str]) -> None:
    alternatives = [host_name(n) if n == "host" else x509.UniformResourceIdentifier(f"spiffe://{n}") for n in names]
    with pytest.raises(Invalid, match="alternative names"):
        certify(SUBSCRIBER, Applicant("x", KEY, alternatives), signer=Signer.of(authority.subscribers), now=NOW)


def test_a_server_has_hosts_only(authority: Authority) -> None:
    for alternatives in ([], [x509.UniformResourceIdentifier("spiffe://x")]):
        with pytest.raises(Invalid, match="alternative names"):
            certify(SERVER, Applicant("x", KEY, alternatives), signer=Signer.of(authority.servers), now=NOW)


def test_an_authority_has_no_alternative_name() -> None:
    key = new_key("root")
    with pytest.raises(Invalid, match="alternative names"):
        certify(ROOT, Applicant("x", key.public_key(), [host_name("x")]), signer=Signer.itself("x", key), now=NOW)


def test_two_authorities_share_no_name(authority: Authority) -> None:
    assert Authority.create(now=NOW).root.subject != authority.root.subject


def test_renewed_issuers_keep_every_leaf_good(authority: Authority, files: Path) -> None:
    later = NOW + timedelta(days=800)
    assert is_ageing(authority.subscribers.certificate, later)
    renewed = authority.renew_issuers(now=later)
    assert not is_ageing(renewed.subscribers.certificate, later)
    assert not is_ageing(renewed.servers.certificate, later)
    assert renewed.root == authority.root
    _subscriber(authority).verify_directly_issued_by(renewed.subscribers.certificate)
    (files / "renewed.pem").write_bytes(pem(renewed.subscribers.certificate))
    attime = str(int((later - timedelta(minutes=1)).timestamp()))
    long_lived = authority.issue_subscriber_certificate(
        KEY, subscriber=uuid4(), trust_domain="x.test", now=later - timedelta(days=10)
    )
    (files / "long.pem").write_bytes(pem(long_lived))
    assert _verify(files, "sslclient", "renewed", "long", "-attime", attime).endswith("long.pem: OK\n")


def test_everything_but_renewing_works_without_the_root_key(authority: Authority) -> None:
    offline = dataclasses.replace(authority, root_key=None)
    _subscriber(offline)
    offline.issue_server_certificate(KEY, ["localhost"], now=NOW)
    offline.revocation_list([], number=1, now=NOW)
    with pytest.raises(NotReady, match="root"):
        offline.renew_issuers(now=NOW)


def test_the_last_third_of_a_life(authority: Authority) -> None:
    leaf = _subscriber(authority)
    third = (leaf.not_valid_after_utc - leaf.not_valid_before_utc) / 3
    assert not is_ageing(leaf, leaf.not_valid_after_utc - third - timedelta(seconds=1))
    assert is_ageing(leaf, leaf.not_valid_after_utc - third)
    assert is_ageing(leaf, leaf.not_valid_after_utc + third)
