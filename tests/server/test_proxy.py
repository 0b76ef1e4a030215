"""Behind a proxy: the API on a Unix socket, which believes there, and nowhere else, what is said of the caller."""

import base64
import contextlib
import io
import socket
import ssl
import stat
from collections.abc import Iterator
from types import SimpleNamespace
from wsgiref.types import WSGIEnvironment

import pytest

from backend.database import db
from backend.identity.revocation import revoke_certificate
from backend.listener.wsgi import with_proxy
from tests.server.api import LET_IN, Api, Home, Service, ask, home_in, predict
from tests.server.conftest import eventually, read_all


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_in(tmp_path_factory.mktemp("home")) as home:
        yield home


@pytest.fixture(scope="module")
def proxied(home: Home) -> Iterator[Api]:
    path = home.settings.home / "api.sock"
    running = Api(home.settings, path)
    yield running
    running.stop()
    assert not path.exists()


@pytest.fixture
def service(home: Home) -> Service:
    return home.admit()


def _stated(service: Service) -> str:
    return f":{base64.b64encode(ssl.PEM_cert_to_DER_cert(service.certificate)).decode()}:"


def _exchange(proxied: Api, *lines: str, body: bytes = b"") -> bytes:
    """Everything that is answered to these lines, until the connection ends."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(proxied.proxy_socket))
        head = ("POST /v1/models/iris/predict HTTP/1.1", "Host: localhost", "Content-Type: application/json", *lines)
        connection.sendall("\r\n".join((*head, "", "")).encode() + body)
        return read_all(connection)


def test_the_proxy_states_the_certificate(proxied: Api, service: Service, home: Home) -> None:
    connection = proxied.connection()
    with contextlib.closing(connection):
        assert predict(connection, {"Client-Cert": _stated(service)}) == LET_IN
        assert predict(connection) == 401
        assert predict(connection, {"Client-Cert": _stated(service)}) == LET_IN
        revoke_certificate(home.settings, service.serial_number, "keyCompromise", actor="mia")
        db.session.commit()
        eventually(lambda: predict(connection, {"Client-Cert": _stated(service)}) == 401, seconds=1)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("HTTP/1.1", 400),
        ("HTTP/1.1\r\nHost: localhost\r\nHost: localhost", 400),
        ("HTTP/1.1\r\nHost: one,two", 400),
        ("HTTP/1.1\r\nHost: signet.example:8443", 200),
        ("HTTP/1.1\r\nHost: [2001:db8::1]:8443", 200),
        ("HTTP/1.0", 200),  # needs none, and health checks send none
    ],
)
def test_a_request_names_one_host(proxied: Api, head: str, status: int) -> None:
    """RFC 9112, section 3.2."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(proxied.proxy_socket))
        connection.sendall(f"GET /health/live {head}\r\nConnection: close\r\n\r\n".encode())
        assert read_all(connection).split(b" ", 2)[1] == b"%d" % status


def test_only_the_proxy_and_its_group_can_open_the_socket(proxied: Api) -> None:
    assert proxied.proxy_socket is not None
    mode = proxied.proxy_socket.stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o660)
    with socket.socket() as connection:  # and there is no other door
        assert connection.connect_ex(("127.0.0.1", proxied.port)) != 0


def test_a_header_that_comes_twice_is_refused(proxied: Api, service: Service, home: Home) -> None:
    """Case 31."""
    twice = [f"Client-Cert: {_stated(service)}"] * 2
    answer = _exchange(proxied, *twice, "Connection: close", "Content-Length: 0")
    assert answer.startswith(b"HTTP/1.1 400")
    assert home.events("header:Client-Cert")


def test_a_header_that_only_looks_alike_is_not_read(proxied: Api, service: Service) -> None:
    for name in ("Client_Cert", "X_SSL_Client_Cert", "X-SSL-Client-Cert"):
        answer = _exchange(proxied, f"{name}: {_stated(service)}", "Connection: close", "Content-Length: 0")
        assert answer.startswith(b"HTTP/1.1 401"), name


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [("10.0.0.1, 192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::1"), ("192.0.2.7, nonsense", ""), (None, "")],
)
def test_the_callers_address_is_the_one_that_the_proxy_added(forwarded: str | None, address: str) -> None:
    told: list[WSGIEnvironment] = []
    app = with_proxy(lambda environ, _: told.append(environ) or [])  # type: ignore[func-returns-value]
    environ = {"gunicorn.socket": object(), "wsgi.input": SimpleNamespace(reader=io.BytesIO())}
    list(app(environ | ({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}), lambda *_: print))
    assert (told[0]["REMOTE_ADDR"], told[0]["wsgi.url_scheme"]) == (address, "https")


def test_nothing_but_the_socket_says_how_a_request_came(proxied: Api) -> None:
    with contextlib.closing(proxied.connection()) as connection:
        connection.request("GET", "/health/live", headers={"X-Forwarded-Proto": "http", "SCRIPT_NAME": "/elsewhere"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        assert "Strict-Transport-Security" in answer.headers


def test_a_body_that_is_cut_is_answered_and_the_connection_closed(proxied: Api, service: Service) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(proxied.proxy_socket))
        head = f"POST /v1/models/iris/predict HTTP/1.1\r\nHost: x\r\nClient-Cert: {_stated(service)}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{{".encode())
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).startswith(b"HTTP/1.1 400")


def test_what_follows_a_refusal_is_answered_also_where_the_refused_body_comes_with_it(
    proxied: Api, service: Service
) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(proxied.proxy_socket))
        head = b"POST /v1/models/iris/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        connection.sendall(head + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 401")
        stated = f"Client-Cert: {_stated(service)}\r\nConnection: close\r\n\r\n".encode()
        connection.sendall(b"{}" + head + stated + b"{}")
        assert b"HTTP/1.1 400" in read_all(connection)


def test_a_refused_upload_is_told_why(proxied: Api, service: Service) -> None:
    """Closing at once, with bytes unread, would make the kernel throw the answer away."""
    size = 40 * 1024 * 1024
    lines = (f"Client-Cert: {_stated(service)}", f"Content-Length: {size}", "Connection: close")
    answer = _exchange(proxied, *lines, body=bytes(1024 * 1024))
    assert answer.startswith(b"HTTP/1.1 413")


def test_people_sign_in_through_the_proxy_too(proxied: Api) -> None:
    body = b'{"username": "nobody", "password": "wrong password here"}'
    with contextlib.closing(proxied.connection()) as connection:
        status, _ = ask(connection, "POST", "/login", body=body, headers={"Content-Type": "application/json"})
        assert status == 401
