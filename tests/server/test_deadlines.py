"""As many stalled clients as there are threads hold up nobody for longer than the deadlines say."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.conftest import Running as Api
from tests.server.conftest import THREADS, Running, eventually, read_all
from tests.server.tiny import DEADLINES

# What a client may have to wait behind a full set of stalled ones, with room for a busy machine.
PATIENCE = max(DEADLINES.handshake, DEADLINES.stall) + DEADLINES.linger + 5
HEAD = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"


def _raw(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def _hello(server: Running) -> bytes:
    """The first bytes that a TLS client sends."""
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        server.trust().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def silent(server: Running) -> socket.socket:
    return _raw(server)


def half_hello(server: Running) -> socket.socket:
    connection = _raw(server)
    connection.sendall(_hello(server)[:50])
    return connection


def hello_only(server: Running) -> socket.socket:
    connection = _raw(server)
    connection.sendall(_hello(server))
    return connection


def handshake_only(server: Running) -> socket.socket:
    return server.connect()


def half_header(server: Running) -> socket.socket:
    connection = server.connect()
    connection.sendall(HEAD)
    return connection


def half_body(server: Running) -> socket.socket:
    connection = server.connect()
    connection.sendall(HEAD + b"\r\n" + bytes(500))
    return connection


def unread_answer(server: Running) -> socket.socket:
    connection = server.connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection


def unclosed(server: Running) -> socket.socket:
    connection = server.connect()
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return connection


@pytest.mark.parametrize(
    ("stall", "clients"),
    [
        (silent, 10 * THREADS),
        (half_hello, THREADS),
        (hello_only, THREADS),
        (handshake_only, THREADS),
        (half_header, THREADS),
        (half_body, THREADS),
        (unread_answer, THREADS),
        (unclosed, 5 * THREADS),
    ],
)
def test_others_are_answered_while_clients_stall(
    server: Running, stall: Callable[[Running], socket.socket], clients: int
) -> None:
    with contextlib.ExitStack() as stalled:
        for _ in range(clients):
            stalled.enter_context(stall(server))
        started = time.monotonic()
        assert server.get("/") == (200, b"here")
        assert time.monotonic() - started < PATIENCE


@contextlib.contextmanager
def dribbling(connection: socket.socket, more: bytes) -> Iterator[None]:
    """A thread that sends `more` byte by byte, often enough that no single wait is long."""
    stop = threading.Event()

    def send() -> None:
        with contextlib.suppress(OSError):
            for byte in more:
                if stop.wait(0.05):
                    return
                connection.send(bytes([byte]))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("phase", ["hello", "header", "body"])
def test_a_byte_now_and_then_is_cut_all_the_same(server: Running, phase: str) -> None:
    connection = _raw(server) if phase == "hello" else server.connect()
    with connection:
        begun = {"hello": _hello(server)[:5], "header": b"GET / HTTP/1.1\r\n", "body": HEAD + b"\r\n"}[phase]
        connection.sendall(begun)
        started = time.monotonic()
        with dribbling(connection, b"x" * 2000):
            read_all(connection)
        assert time.monotonic() - started < PATIENCE


def test_a_stalled_body_is_told_that_it_took_too_long(server: Running) -> None:
    with half_body(server) as connection:
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert answer.endswith(b"The request took too long to arrive")


def test_a_large_body_that_makes_progress_is_not_cut(server: Running) -> None:
    size, part = 30 * 32 * 1024, bytes(32 * 1024)
    with server.connect() as connection:
        connection.sendall(b"POST /body HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n")
        connection.sendall(f"Content-Length: {size}\r\n\r\n".encode())
        started = time.monotonic()
        for _ in range(30):
            connection.sendall(part)
            time.sleep(0.08)  # not waiting for anything: this is the slow client
        assert time.monotonic() - started > 2 * DEADLINES.stall
        assert read_all(connection).endswith(b'{"received":%d}\n' % size)


def test_an_idle_connection_is_kept(server: Running) -> None:
    with contextlib.closing(server.http()) as connection:
        connection.request("GET", "/")
        connection.getresponse().read()
        first = connection.sock
        time.sleep(DEADLINES.stall + 0.3)  # the subject of the test: idle for longer than a request may stall
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"here"
        assert connection.sock is first


def test_cut_connections_leave_one_line_each(own_server: Running) -> None:
    for stall in (half_hello, half_header):
        with stall(own_server) as connection:
            read_all(connection)
    for abrupt in (half_hello, half_header, half_body):
        connection = abrupt(own_server)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not a goodbye
        connection.close()
    with _raw(own_server) as connection:
        connection.sendall(b"not TLS at all\r\n\r\n")
        read_all(connection)
    eventually(lambda: own_server.log.read_text().count("connection cut") >= 2)
    assert own_server.get("/") == (200, b"here")
    own_server.stop()
    log = own_server.log.read_text()
    assert "Traceback" not in log
    assert len(log.splitlines()) < 20


def test_how_long_a_request_may_stand_still_is_a_setting(tmp_path: Path) -> None:
    api = Api(tmp_path, SIGNET_REQUEST_SECONDS="1")
    try:
        began = time.monotonic()
        answer = api.exchange(
            b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        assert answer.split(b" ", 2)[1] == b"408", answer
        assert time.monotonic() - began < 10
    finally:
        api.stop()
