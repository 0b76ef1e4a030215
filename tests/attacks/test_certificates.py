"""Cases 17 to 29: certificates that were taken back, forged, borrowed or asked for in bad faith, over real TLS."""

import base64
import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import update

from backend.api.enrolment import LONGEST_REQUEST
from backend.database import db
from backend.identity import issuing
from backend.identity.certificates import fingerprint_of
from backend.identity.principal import Role
from backend.identity.subscriber_tables import Certificate
from backend.pki.authority import Authority
from backend.pki.certifying import Applicant, Signer, certify, pem
from backend.pki.profiles import SERVER, SUBSCRIBER
from tests.api.conftest import LET_IN
from tests.attacks.conftest import Running, Service
from tests.certifying import new_key, openssl, signing_request

NOTHING = {"features": []}
IRIS = "/v1/models/iris/predict"


@pytest.fixture
def service(api: Running) -> Service:
    return api.admit()


def test_revoked_on_an_open_connection(api: Running, service: Service) -> None:
    """17. TLS asks for the certificate once a connection; a client that never hangs up must not outlive the revocation."""
    with service.client() as client:
        assert client.post(IRIS, json=NOTHING).status_code == LET_IN
        first = _connection(client)
        api.revoke(service)
        answer = client.post(IRIS, json=NOTHING)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid-certificate")
        assert _connection(client) == first


def _connection(client: httpx.Client) -> object:
    (only,) = client._transport._pool.connections  # type: ignore[attr-defined]
    return only.info() and only._connection._network_stream.get_extra_info("socket").getsockname()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_revoked_and_back_by_an_old_session(api: Running, service: Service, version: ssl.TLSVersion) -> None:
    """18. A resumed session is not verified anew, so that TLS itself would let a revoked client back in."""
    context = service.context()
    context.minimum_version = context.maximum_version = version
    with _connect(api, context) as first:
        assert _ask(first) == LET_IN
        session = first.session
    api.revoke(service)
    with _connect(api, context, session=session) as second:
        assert _ask(second) == 401
        assert not second.session_reused


def _connect(api: Running, context: ssl.SSLContext, **more: object) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", api.port), timeout=30)
    return context.wrap_socket(raw, server_hostname="localhost", **more)  # type: ignore[arg-type]


def _ask(connection: ssl.SSLSocket) -> int:
    """The status of a prediction that is asked for on this connection."""
    body = json.dumps(NOTHING)
    head = f"POST {IRIS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(f"{head}{body}".encode())
    return int(connection.recv(65536).split(b" ", 2)[1])


def test_over_on_an_open_connection(api: Running, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """19. A certificate that was good in the handshake ends while the connection stays open."""
    nearly_over = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=4)
    with api.storage():
        db.session.execute(update(issuing.Subscriber).values(certificate_hours=1))
        db.session.commit()
    monkeypatch.setattr(issuing, "now", lambda: nearly_over)
    certificate = api.another_certificate(service)
    ends_at = x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc
    with api.client(api.presenting(service.key, certificate)) as client:
        statuses = []
        while not statuses or statuses[-1] == LET_IN:
            begun = datetime.now(UTC)
            statuses.append(client.post(IRIS, json=NOTHING).status_code)
            assert begun < ends_at + timedelta(seconds=1), "still let in"
        assert statuses[-1] == 401
        assert len(statuses) > 2
        assert datetime.now(UTC) >= ends_at - timedelta(seconds=1)


Forge = Callable[[Running, Service], list[x509.Certificate]]


def _applicant(service: Service) -> Applicant:
    identity = x509.UniformResourceIdentifier(f"spiffe://signet.local/subscriber/{service.id}")
    return Applicant(service.id, service.key.public_key(), [identity])


def _of(service: Service) -> x509.Certificate:
    return x509.load_pem_x509_certificate(service.certificate.encode())


def self_signed(api: Running, service: Service) -> list[x509.Certificate]:
    """20. Anybody can sign their own, with any subject and serial number."""
    own = certify(SUBSCRIBER, _applicant(service), signer=Signer.itself(service.id, service.key), now=datetime.now(UTC))
    return [own]


def sibling(api: Running, service: Service) -> list[x509.Certificate]:
    """21. An authority with the same name and another key."""
    signer = replace(Signer.of(api.authority.subscribers), key=ec.generate_private_key(ec.SECP256R1()))
    return [certify(SUBSCRIBER, _applicant(service), signer=signer, now=datetime.now(UTC))]


def server_purpose(api: Running, service: Service) -> list[x509.Certificate]:
    """22. A certificate for servers, under the same root, is nobody's identity as a client."""
    applicant = replace(_applicant(service), alternative_names=[x509.DNSName("localhost")])
    servers = api.authority.servers
    return [certify(SERVER, applicant, signer=Signer.of(servers), now=datetime.now(UTC)), servers.certificate]


def leaf_as_issuer(api: Running, service: Service) -> list[x509.Certificate]:
    """23. A subscriber signs a certificate for another name with its own key: it is no authority."""
    # With its own name it would be taken for a self-signed one, which is another case.
    another = replace(_applicant(service), common_name=str(uuid4()))
    signer = replace(Signer.itself("any", service.key), name=_of(service).subject)
    return [certify(SUBSCRIBER, another, signer=signer, now=datetime.now(UTC)), _of(service)]


def by_the_root(api: Running, service: Service) -> list[x509.Certificate]:
    """21. Only the subscribers' authority admits subscribers; what else stands under the root does not."""
    root = api.authority
    assert root.root_key is not None
    signer = replace(Signer.itself("any", root.root_key), name=root.root.subject)
    return [certify(SUBSCRIBER, _applicant(service), signer=signer, now=datetime.now(UTC)), root.root]


@pytest.mark.parametrize("forge", [self_signed, sibling, server_purpose, leaf_as_issuer, by_the_root])
def test_certificates_of_others_end_the_handshake(api: Running, service: Service, forge: Forge) -> None:
    """20 to 23. What the subscribers' authority itself did not sign never reaches the app, even were its row there."""
    certificates = forge(api, service)
    _give_row(api, service, certificates[0])
    context = api.presenting(service.key, *certificates)
    with pytest.raises((ssl.SSLError, httpx.TransportError)), api.client(context) as client:
        client.post(IRIS, json=NOTHING)


def _give_row(api: Running, service: Service, certificate: x509.Certificate) -> None:
    """The service's own row says that this certificate is the one."""
    new = fingerprint_of(certificate.public_bytes(Encoding.DER))
    with api.storage():
        mine = update(Certificate).where(Certificate.subscriber_id == service.id)
        db.session.execute(mine.values(fingerprint=new))
        db.session.commit()


def _issued_outside(api: Running, *applicants: Applicant) -> x509.Certificate:
    (applicant,) = applicants
    return certify(SUBSCRIBER, applicant, signer=Signer.of(api.authority.subscribers), now=datetime.now(UTC))


def test_signed_by_us_and_unknown_to_us(api: Running, service: Service) -> None:
    """24. A copied authority key, or a database from before the issue: what our tables do not know is nobody."""
    certificate = _issued_outside(api, _applicant(service))
    with api.client(api.presenting(service.key, certificate)) as client:
        answer = client.post(IRIS, json=NOTHING)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid-certificate")
        _give_row(api, service, certificate)
        assert client.post(IRIS, json=NOTHING).status_code == LET_IN


def _two_names(certificate: x509.Certificate, *names: x509.GeneralName, api: Running) -> x509.Certificate:
    """The certificate signed again, with these names instead of its own."""
    builder = x509.CertificateBuilder(certificate.issuer, certificate.subject, certificate.public_key())
    builder = builder.serial_number(certificate.serial_number + 1)
    builder = builder.not_valid_before(certificate.not_valid_before_utc).not_valid_after(
        certificate.not_valid_after_utc
    )
    for extension in certificate.extensions:
        named = isinstance(extension.value, x509.SubjectAlternativeName)
        builder = builder.add_extension(
            x509.SubjectAlternativeName(names) if named else extension.value, extension.critical
        )
    return builder.sign(Signer.of(api.authority.subscribers).key, hashes.SHA256())


@pytest.mark.parametrize("form", ["another's name", "two names"])
def test_says_to_be_somebody_else(api: Running, form: str) -> None:
    """25. Another subscriber's name in subject and SAN, alone or beside its own, changes nothing: the row says who it is."""
    mine, other = api.admit(models=["mine"]), api.admit(models=["theirs"])
    certificate = _issued_outside(api, replace(_applicant(other), key=mine.key.public_key()))
    if form == "two names":
        both = (each.alternative_names[0] for each in (_applicant(other), _applicant(mine)))
        certificate = _two_names(certificate, *both, api=api)
    _give_row(api, mine, certificate)
    with api.client(api.presenting(mine.key, certificate)) as client:
        asked = {
            model: client.post(f"/v1/models/{model}/predict", json=NOTHING).status_code for model in ("mine", "theirs")
        }
        assert asked == {"mine": LET_IN, "theirs": 403}
        answer = client.post("/oauth/token", data={"grant_type": "client_credentials", "client_id": other.id})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def _token(api: Running, service: Service) -> str:
    with api.client() as client:
        answer = client.post(f"/v1/subscribers/{service.id}/enrolment", headers=api.sign_in(Role.MANAGER))
    return str(answer.json()["token"])


def test_greedy_request(api: Running, service: Service) -> None:
    """26. A request that asks to be an authority, or somebody else, gets its key certified and nothing more."""
    identity = x509.UniformResourceIdentifier(f"spiffe://signet.local/subscriber/{uuid4()}")
    greedy = signing_request(
        None,
        x509.BasicConstraints(ca=True, path_length=3),
        x509.SubjectAlternativeName([identity, x509.DNSName("localhost")]),
        x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]),
    )
    with api.client() as client:
        answer = client.post("/v1/enrol", json={"token": _token(api, service), "csr": greedy.decode()})
    assert answer.status_code == 201, answer.text
    certificate = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
    said = certificate.extensions
    assert not said.get_extension_for_class(x509.BasicConstraints).value.ca
    names = list(said.get_extension_for_class(x509.SubjectAlternativeName).value)
    assert [name.value for name in names] == [f"spiffe://signet.local/subscriber/{service.id}"]
    assert list(said.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        x509.ObjectIdentifier("1.3.6.1.5.5.7.3.2")
    ]


def _tampered() -> bytes:
    der = bytearray(base64.b64decode(b"".join(signing_request().splitlines()[1:-1])))
    der[-1] ^= 1
    return _as_pem(bytes(der))


def _as_pem(der: bytes) -> bytes:
    name = b"CERTIFICATE REQUEST"
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (name, base64.encodebytes(der), name)


def _weak() -> bytes:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak on purpose
    return signing_request(key)  # type: ignore[arg-type]


BAD_REQUESTS = {
    "weak key": _weak,
    "a signature that is not its key's": _tampered,
    "garbage": lambda: _as_pem(bytes(range(256)) * 10),
    "nested without end": lambda: _as_pem(b"\x30\x80" * 4000),
    "a length beyond all memory": lambda: _as_pem(b"\x30\x84\xff\xff\xff\xff" + b"\0" * 100),
    "no PEM": lambda: b"\x30\x03\x02\x01\x00" * 10,
    "longer than any": lambda: signing_request() + b" " * LONGEST_REQUEST,
}


@pytest.mark.parametrize("request_of", BAD_REQUESTS)
def test_bad_request(api: Running, service: Service, request_of: str) -> None:
    """26, 28. Weak keys, signatures of others and hostile DER: refused at once, and the token stays good."""
    token = _token(api, service)
    text = BAD_REQUESTS[request_of]().decode("latin-1")
    with api.client() as client:
        began = time.monotonic()
        answer = client.post("/v1/enrol", json={"token": token, "csr": text})
        assert (answer.status_code in {400, 422}, time.monotonic() - began < 5) == (True, True), answer.text
        est = client.post(
            "/.well-known/est/simpleenroll",
            content=base64.b64encode(text.encode("latin-1")),
            headers={"Content-Type": "application/pkcs10"},
            auth=("", token),
        )
        assert est.status_code in {400, 413, 422}
        good = client.post("/v1/enrol", json={"token": token, "csr": signing_request().decode()})
        assert good.status_code == 201


NO_BASE64 = {
    "other letters": (b"!" * 100, 400),
    "no text": (b"\xff\xfe" * 50, 400),
    "accents": ("-----BEGIN é-----".encode(), 400),
    "nothing": (b"", 400),
    "half a letter": (b"QQ", 400),
    "longer than any": (b" " * (LONGEST_REQUEST + 1), 413),
}


@pytest.mark.parametrize("form", NO_BASE64)
def test_what_is_no_base64(api: Running, service: Service, form: str) -> None:
    """28. Over EST a request is DER in base64: what is neither, or too long, is refused, and the token stays good."""
    text, status = NO_BASE64[form]
    token = _token(api, service)
    with api.client() as client:
        enrol = {"headers": {"Content-Type": "application/pkcs10"}, "auth": ("", token)}
        refused = client.post("/.well-known/est/simpleenroll", content=text, **enrol)
        assert refused.status_code == status, refused.text
        der = base64.b64encode(base64.b64decode(b"".join(signing_request().splitlines()[1:-1])))
        assert client.post("/.well-known/est/simpleenroll", content=der, **enrol).status_code == 200


def test_key_of_another_subscriber(api: Running, service: Service) -> None:
    """26. Who shows another's key would be taken for it wherever keys are compared; a revoked key does not come back."""
    another = api.admit()
    with api.client() as client:
        taken = {"token": _token(api, another), "csr": signing_request(service.key).decode()}
        assert client.post("/v1/enrol", json=taken).status_code == 422
        api.revoke(another)
        again = {"token": _token(api, another), "csr": signing_request(another.key).decode()}
        assert client.post("/v1/enrol", json=again).status_code == 422


class TestRenewal:
    """27. A certificate renews itself, in its time, while it is good; nobody else's and never early."""

    def test_too_early(self, service: Service) -> None:
        """27. Whoever copied a key for a minute must not get a year by it."""
        assert self._renew(service.client()).status_code == 403

    def test_of_another(self, api: Running, service: Service) -> None:
        """27. There is no way to name another's certificate: the new one is for who presents the old one."""
        another = api.admit()
        late = self._late(api, service)
        csr = signing_request(new_key(), x509.SubjectAlternativeName([_applicant(another).alternative_names[0]]))
        with api.client(api.presenting(service.key, late)) as client:
            named = client.post("/v1/certificates/renew", json={"csr": csr.decode(), "subscriber": another.id})
            assert named.status_code == 422
            answer = client.post("/v1/certificates/renew", json={"csr": csr.decode()})
        assert answer.status_code == 201, answer.text
        certificate = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert service.id in str(next(iter(names)).value)

    def test_after_the_revocation(self, api: Running, service: Service) -> None:
        """27. A stolen certificate must not make itself a successor."""
        late = self._late(api, service)
        service.serial_number = f"{x509.load_pem_x509_certificate(late.encode()).serial_number:x}"
        api.revoke(service)
        assert self._renew(api.client(api.presenting(service.key, late))).status_code == 401

    def _late(self, api: Running, service: Service) -> str:
        """A certificate of the service in the last third of its life."""
        with pytest.MonkeyPatch.context() as patch, api.storage():
            patch.setattr(issuing, "now", lambda: datetime.now(UTC) - timedelta(minutes=150))
            mine = update(issuing.Subscriber).where(issuing.Subscriber.id == service.id)
            db.session.execute(mine.values(certificate_hours=3))
            db.session.commit()
            return api.another_certificate(service)

    def _renew(self, client: httpx.Client) -> httpx.Response:
        with client:
            return client.post("/v1/certificates/renew", json={"csr": signing_request().decode()})


def test_numbers_that_repeat(api: Running, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """29. With a broken source of random numbers, two certificates must not share the number that one is revoked by."""
    used = int(service.serial_number, 16)
    numbers = [used, used, 0x1234ABCD0000 + time.time_ns()]
    monkeypatch.setattr(x509, "random_serial_number", lambda: numbers.pop(0))
    certificate = x509.load_pem_x509_certificate(api.another_certificate(service).encode())
    assert (numbers, certificate.serial_number != used) == ([], True)


def test_the_list_that_others_read(api: Running, service: Service, tmp_path: object) -> None:
    """17. Who verifies our certificates elsewhere learns of the revocation from the published list at once."""
    folder = api.home
    api.revoke(service)
    with api.client() as client:
        (folder / "list.crl").write_bytes(client.get("/pki/subscribers.crl").content)
    text = openssl(folder, "crl", "-inform", "DER", "-in", "list.crl", "-noout", "-text")
    assert service.serial_number.upper() in text.upper()


def test_authority_in_another_place(api: Running, service: Service) -> None:
    """21. A whole authority of one's own, with every name of ours."""
    stranger = Authority.create(now=datetime.now(UTC) - timedelta(hours=1))
    certificate = certify(
        SUBSCRIBER, _applicant(service), signer=Signer.of(stranger.subscribers), now=datetime.now(UTC)
    )
    _give_row(api, service, certificate)
    context = api.presenting(service.key, certificate, stranger.subscribers.certificate, stranger.root)
    assert pem(stranger.root) != pem(api.authority.root)
    with pytest.raises((ssl.SSLError, httpx.TransportError)), api.client(context) as client:
        client.post(IRIS, json=NOTHING)
