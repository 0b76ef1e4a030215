"""Handshakes: which versions and certificates are let in, and that nobody comes back by an old session."""

import contextlib
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backend.identity.authority import ensure_authority
from backend.listener.tls import Deadlines, Listener
from backend.pki.authority import Authority
from backend.pki.certifying import Applicant, Signer, certify, pem
from backend.pki.keystore import private_pem, write_private
from backend.pki.profiles import SERVER, SUBSCRIBER
from backend.settings import Settings
from tests.server.conftest import Running, read_all

IDENTITY = x509.UniformResourceIdentifier(f"spiffe://example.test/subscriber/{uuid4()}")
NOW = datetime.now(UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
APPLICANT = Applicant("a subscriber", KEY.public_key(), [IDENTITY])

REQUEST = b"GET /seen HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def _authority(server: Running) -> Authority:
    return ensure_authority(Settings(home=server.home, port=server.port))


def _presenting(server: Running, folder: Path, certificate: x509.Certificate) -> ssl.SSLContext:
    write_private(folder / "client.pem", private_pem(KEY) + pem(certificate))
    context = server.trust()
    context.load_cert_chain(folder / "client.pem")
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_trusts_the_root_is_answered(server: Running, version: ssl.TLSVersion) -> None:
    context = server.trust()
    context.minimum_version = context.maximum_version = version
    with server.connect(context) as connection:
        connection.sendall(REQUEST)
        assert connection.recv(12) == b"HTTP/1.1 200"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python itself warns of TLS 1.1
def test_older_tls_is_refused(server: Running) -> None:
    context = server.trust()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        server.connect(context)


def test_a_client_that_trusts_another_authority_sees_an_impostor(server: Running, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(pem(Authority.create(now=NOW).root))
    with pytest.raises(ssl.SSLCertVerificationError):
        server.connect(ssl.create_default_context(cafile=tmp_path / "other.pem"))


def test_people_need_no_certificate(server: Running) -> None:
    status, body = server.get("/seen")
    assert (status, json.loads(body)["certificate"]) == (200, None)


def test_the_app_is_given_the_certificate_that_a_subscriber_presents(server: Running, tmp_path: Path) -> None:
    certificate = certify(SUBSCRIBER, APPLICANT, signer=Signer.of(_authority(server).subscribers), now=NOW)
    with contextlib.closing(server.http(_presenting(server, tmp_path, certificate))) as connection:
        for _ in range(2):  # on a kept-alive connection too
            connection.request("GET", "/seen")
            seen = json.loads(connection.getresponse().read())
            assert bytes.fromhex(seen["certificate"]) == certificate.public_bytes(serialization.Encoding.DER)


def _of_the_server_authority(authority: Authority) -> x509.Certificate:
    hosts = replace(APPLICANT, alternative_names=[x509.DNSName("localhost")])
    return certify(SERVER, hosts, signer=Signer.of(authority.servers), now=NOW)


def _client_by_the_server_authority(authority: Authority) -> x509.Certificate:
    return certify(SUBSCRIBER, APPLICANT, signer=Signer.of(authority.servers), now=NOW)


def _client_by_the_root(authority: Authority) -> x509.Certificate:
    assert authority.root_key is not None
    signer = replace(Signer.itself("any", authority.root_key), name=authority.root.subject)
    return certify(SUBSCRIBER, APPLICANT, signer=signer, now=NOW)


def _of_a_sibling_with_the_same_name(authority: Authority) -> x509.Certificate:
    signer = replace(Signer.of(authority.subscribers), key=ec.generate_private_key(ec.SECP256R1()))
    return certify(SUBSCRIBER, APPLICANT, signer=signer, now=NOW)


def _self_signed(authority: Authority) -> x509.Certificate:
    return certify(SUBSCRIBER, APPLICANT, signer=Signer.itself("a subscriber", KEY), now=NOW)


def _expired(authority: Authority) -> x509.Certificate:
    long_ago = NOW - timedelta(days=60)
    signer = replace(Signer.of(authority.subscribers), starts_at=long_ago)
    return certify(SUBSCRIBER, APPLICANT, signer=signer, now=long_ago)


def _not_yet_valid(authority: Authority) -> x509.Certificate:
    return certify(SUBSCRIBER, APPLICANT, signer=Signer.of(authority.subscribers), now=NOW + timedelta(days=1))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    "made",
    [
        _of_the_server_authority,
        _client_by_the_server_authority,
        _client_by_the_root,
        _of_a_sibling_with_the_same_name,
        _self_signed,
        _expired,
        _not_yet_valid,
    ],
)
def test_any_other_certificate_ends_the_handshake(
    server: Running, tmp_path: Path, version: ssl.TLSVersion, made: Callable[[Authority], x509.Certificate]
) -> None:
    context = _presenting(server, tmp_path, made(_authority(server)))
    context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLError, match="alert"), server.connect(context) as connection:
        connection.recv(1)  # with TLS 1.3 the client hears of it only here


@pytest.mark.parametrize("caller", ["person", "subscriber"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_is_resumed(server: Running, tmp_path: Path, version: ssl.TLSVersion, caller: str) -> None:
    certificate = certify(SUBSCRIBER, APPLICANT, signer=Signer.of(_authority(server).subscribers), now=NOW)
    context = _presenting(server, tmp_path, certificate) if caller == "subscriber" else server.trust()
    context.minimum_version = context.maximum_version = version
    with server.connect(context) as first:
        first.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        first.recv(4096)
        session = first.session
        assert session is None or not session.has_ticket
        with server.connect(context, session=session) as second:  # while the first one is still open
            assert not second.session_reused
            with contextlib.suppress(OSError):
                second.unwrap()
        with contextlib.suppress(OSError):
            first.unwrap()
    with server.connect(context, session=session) as third:  # and after it has ended as it should
        assert not third.session_reused
        third.sendall(REQUEST)
        assert third.recv(12) == b"HTTP/1.1 200"


def test_a_session_resumed_on_a_connection_begun_in_time_is_refused(server: Running) -> None:
    """Two connections that begin together share a context: the second could offer the first one's session."""
    context = server.trust()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as late:
        late.sendall(b"\x16")  # the first byte of a ClientHello: the server chooses the context now
        time.sleep(0.3)
        with server.connect(context) as first:
            first.sendall(REQUEST)
            first.recv(4096)
            session = first.session
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname="localhost", session=session)
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        late.sendall(outgoing.read()[1:])
        incoming.write(late.recv(65536))
        client.do_handshake()
        assert client.session_reused
        client.write(REQUEST)
        late.sendall(outgoing.read())
        incoming.write(read_all(late))
        assert client.read() == b"", "the server's goodbye, and no answer before it"


def test_renegotiation_is_refused(server: Running) -> None:
    """It would let a client keep a thread busy with handshakes."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2"]
    run = subprocess.run(command, input=b"R\n", capture_output=True, timeout=30, check=False)
    assert b"no renegotiation" in run.stdout + run.stderr


def test_plain_http_is_not_answered(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP" not in read_all(connection)


def test_a_renewed_certificate_is_presented_without_a_restart(own_server: Running) -> None:
    def serial() -> int:
        with own_server.connect() as connection:
            return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"").serial_number

    before = serial()
    (own_server.home / "certs" / "server.pem").unlink()
    assert serial() == before, "while the files are being replaced, the old ones serve"
    ensure_authority(Settings(home=own_server.home))
    assert serial() != before


def test_the_context_is_built_once_for_unchanged_files(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    ensure_authority(settings)
    listener = Listener(settings.certs, Deadlines())
    assert listener.context() is listener.context()


def test_a_key_that_does_not_match_leaves_the_last_good_context(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    ensure_authority(settings)
    listener = Listener(settings.certs, Deadlines())
    good = listener.context()
    write_private(settings.certs / "server.key", private_pem(KEY))
    assert listener.context() is good
    with pytest.raises(ssl.SSLError):
        Listener(settings.certs, Deadlines()).context()
