"""A real TLS handshake, in memory, with certificates of this authority on both sides."""

import ssl
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from backend.pki.authority import Authority
from backend.pki.certifying import pem
from backend.pki.keystore import private_pem, write_private
from tests.pki.conftest import NOW

KEY = ec.generate_private_key(ec.SECP256R1())
SUBSCRIBER = uuid4()


def _leaf(authority: Authority) -> x509.Certificate:
    return authority.issue_subscriber_certificate(
        KEY.public_key(), subscriber=SUBSCRIBER, trust_domain="signet.example", now=NOW
    )


def _server(authority: Authority, folder: Path) -> ssl.SSLContext:
    """A server that presents its chain and trusts the subscribers' authority alone."""
    certificate = authority.issue_server_certificate(KEY.public_key(), ["localhost"], now=NOW)
    write_private(folder / "server.pem", private_pem(KEY) + pem(certificate) + pem(authority.servers.certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(cadata=pem(authority.subscribers.certificate).decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    return context


def _client(authority: Authority, folder: Path, certificate: x509.Certificate) -> ssl.SSLContext:
    """A client that presents `certificate` and trusts the root alone."""
    write_private(folder / "client.pem", private_pem(KEY) + pem(certificate))
    context = ssl.create_default_context(cadata=pem(authority.root).decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(folder / "client.pem")
    return context


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for end in ends:
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                pass
    return ends


def test_both_sides_are_sure_of_each_other(authority: Authority, tmp_path: Path) -> None:
    leaf = _leaf(authority)
    client, server = _shake_hands(_server(authority, tmp_path), _client(authority, tmp_path, leaf))
    assert client.getpeercert()["subjectAltName"] == (("DNS", "localhost"),)  # type: ignore[index]
    seen = server.getpeercert()
    assert seen is not None
    assert seen["subjectAltName"] == (("URI", f"spiffe://signet.example/subscriber/{SUBSCRIBER}"),)


def test_a_server_certificate_does_not_pass_for_a_client(authority: Authority, tmp_path: Path) -> None:
    impostor = authority.issue_server_certificate(KEY.public_key(), ["localhost"], now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(_server(authority, tmp_path), _client(authority, tmp_path, impostor))


def test_a_subscriber_of_another_platform_is_a_stranger(authority: Authority, tmp_path: Path) -> None:
    stranger = _leaf(Authority.create(now=NOW))
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(_server(authority, tmp_path), _client(authority, tmp_path, stranger))


def test_a_second_verifier_agrees(authority: Authority) -> None:
    verifier = PolicyBuilder().store(Store([authority.subscribers.certificate])).time(NOW).build_client_verifier()
    verified = verifier.verify(_leaf(authority), [])
    assert verified.subjects == [x509.UniformResourceIdentifier(f"spiffe://signet.example/subscriber/{SUBSCRIBER}")]
    with pytest.raises(VerificationError):
        verifier.verify(authority.issue_server_certificate(KEY.public_key(), ["localhost"], now=NOW), [])
