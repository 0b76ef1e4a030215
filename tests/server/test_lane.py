"""Small whole requests are answered by the loop itself, and nothing else is: the rest goes the usual way, nothing lost."""

import contextlib
import json
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from backend.listener.plain_request import Plain, read_plain
from tests.server.conftest import THREADS, Running, eventually, read_all

HEAD = b"POST /express HTTP/1.1\r\nHost: localhost\r\n"


def _request(body: bytes, more: bytes = b"") -> bytes:
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _answer(connection: ssl.SSLSocket) -> tuple[bytes, Any]:
    """The next answer on a connection: its head, and the document of its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    assert len(body) == length
    return head, json.loads(body.rstrip(b"\0"))


@contextlib.contextmanager
def _known(server: Running) -> Any:
    """A connection on which a first request was answered: from now on the loop watches it."""
    with server.connect() as connection:
        connection.sendall(_request(b"first"))
        assert _answer(connection)[1]["in_loop"] is False
        yield connection


def test_the_loop_answers_and_the_connection_stays(server: Running) -> None:
    with _known(server) as connection:
        for size in (0, 1, 5000, 100):
            connection.sendall(_request(b"x" * size))
            head, answer = _answer(connection)
            assert answer == {"received": size, "in_loop": True, "certificate": None}
            assert head.startswith(b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: ")
            assert b"\r\nConnection: keep-alive\r\nContent-Type: text/plain\r\n" in head


def test_its_head_is_that_of_the_usual_way(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(_request(b"x"))
        usual = _answer(connection)[0]
        connection.sendall(_request(b"x"))
        quick = _answer(connection)[0]
    kept = [line for line in quick.split(b"\r\n") if not line.startswith((b"Date", b"Content-Length"))]
    assert kept == [line for line in usual.split(b"\r\n") if not line.startswith((b"Date", b"Content-Length"))]


@pytest.mark.parametrize("cut", [1, 20, len(HEAD), -1])
def test_a_request_in_two_pieces_is_answered_by_a_thread(server: Running, cut: int) -> None:
    sent = _request(b"hello")
    with _known(server) as connection:
        connection.sendall(sent[:cut])
        connection.sendall(sent[cut:])
        assert _answer(connection)[1]["received"] == 5
        connection.sendall(sent)
        assert _answer(connection)[1]["in_loop"] is True


def test_requests_in_one_piece_are_answered_in_turn(server: Running) -> None:
    with _known(server) as connection:
        connection.sendall(b"".join(_request(b"x" * size) for size in (1, 2, 3)))
        assert [_answer_of(connection, size) for size in (1, 2, 3)] == [1, 2, 3]


def _answer_of(connection: ssl.SSLSocket, size: int) -> int:
    """One of several answers that may arrive in one piece."""
    received = b""
    while not received.endswith(b"}"):
        received += connection.recv(1)
    document = json.loads(received.partition(b"\r\n\r\n")[2])
    found: int = document["received"]
    return found


@pytest.mark.parametrize("size", [20_000, 300_000, 5_000_000])
def test_a_large_body_is_read_by_the_loop(server: Running, size: int) -> None:
    with _known(server) as connection:
        for _ in range(2):
            connection.sendall(_request(b"x" * size))
            assert _answer(connection)[1] == {"received": size, "in_loop": True, "certificate": None}


def test_a_very_large_body_goes_to_a_thread(server: Running) -> None:
    with _known(server) as connection:
        connection.sendall(_request(b"x" * 9_000_000))
        assert _answer(connection)[1] == {"received": 9_000_000, "in_loop": False, "certificate": None}


@pytest.mark.parametrize("size", [0, 300_000])
def test_what_may_take_a_while_goes_to_a_thread(server: Running, size: int) -> None:
    with _known(server) as connection:
        body = b"slow" + b"x" * size
        connection.sendall(_request(body))
        assert _answer(connection)[1] == {"received": len(body), "in_loop": False, "certificate": None}
        connection.sendall(_request(b"slow, and leave it"))
        assert _answer(connection)[1] == {"received": 18, "in_loop": None, "certificate": None}
        connection.sendall(_request(b"x"))
        assert _answer(connection)[1]["in_loop"] is True


def test_a_slow_answer_holds_up_nobody(server: Running, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    with _known(server) as slow, _known(server) as other:
        slow.sendall(_request(b"slow until " + str(go_on).encode()))
        for size in (1, 20_000):
            other.sendall(_request(b"x" * size))
            assert _answer(other)[1] == {"received": size, "in_loop": True, "certificate": None}
        go_on.touch()
        assert _answer(slow)[1]["in_loop"] is False


@pytest.mark.parametrize("cut", [30, 200, 100_000])
def test_a_body_that_stands_still_goes_to_a_thread(server: Running, cut: int) -> None:
    """Which gives it up in the words of the app, and within the caller's allowance."""
    sent = _request(b"x" * 200_000)
    with _known(server) as connection:
        begun = time.monotonic()
        connection.sendall(sent[:cut])
        answer = read_all(connection)
    assert time.monotonic() - begun < 10
    assert answer.startswith(b"HTTP/1.1 408 ") if cut > len(HEAD) * 2 else answer == b""


def test_a_body_that_breaks_off_is_no_request(server: Running) -> None:
    sent = _request(b"x" * 200_000)
    with _known(server) as connection:
        connection.sendall(sent[:100_000])
    assert server.get("/") == (200, b"here")


def test_what_follows_a_large_body_is_the_next_request(server: Running) -> None:
    with _known(server) as connection:
        connection.sendall(_request(b"x" * 200_000) + _request(b"xx") + _request(b"x" * 20_000))
        assert [_answer_of(connection, 0) for _ in range(3)] == [200_000, 2, 20_000]


def test_what_is_left_to_the_app_arrives_there_whole(server: Running) -> None:
    with _known(server) as connection:
        connection.sendall(_request(b"leave it"))
        assert _answer(connection)[1] == {"received": 8, "in_loop": None, "certificate": None}
        connection.sendall(_request(b"x"))
        assert _answer(connection)[1]["in_loop"] is True


def test_a_caller_who_reads_slowly_holds_up_nobody(server: Running) -> None:
    size = 40_000_000
    with _known(server) as connection, _known(server) as other:
        connection.sendall(_request(b"x", b"X-Padding: %d\r\n" % size))
        assert connection.recv(1) == b"H"
        other.sendall(_request(b"x"))
        assert _answer(other)[1]["in_loop"] is True
        received = 1
        while received < size:
            received += len(connection.recv(1 << 20))


def test_a_caller_who_goes_away_is_forgotten(server: Running) -> None:
    with _known(server) as connection:
        connection.sendall(_request(b"x"))
    with _known(server) as connection:
        connection.sendall(_request(b"x", b"X-Padding: 40000000\r\n"))
    assert server.get("/") == (200, b"here")


def test_a_fault_of_ours_is_answered_without_a_word_of_it(server: Running) -> None:
    with _known(server) as connection:
        connection.sendall(_request(b"x").replace(b"/express", b"/express/fault"))
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"secret" not in answer
    assert server.get("/") == (200, b"here")


def test_the_end_of_a_kept_connection_is_seen(server: Running) -> None:
    worker = server.worker()
    with _known(server) as connection:
        port = connection.getsockname()[1]
        assert any(one.raddr and one.raddr.port == port for one in worker.net_connections())
    eventually(lambda: not any(one.raddr and one.raddr.port == port for one in worker.net_connections()))


PLAIN = _request(b"hello", b"Content-Type: application/json\r\nX-Request-Id:  a \r\n")


def _read(request: bytes) -> Plain | None:
    return read_plain(request.partition(b"\r\n\r\n")[0])


def test_a_plain_request_is_read() -> None:
    assert _read(PLAIN) == (
        {
            "PATH_INFO": "/express",
            "HTTP_HOST": "localhost",
            "CONTENT_TYPE": "application/json",
            "HTTP_X_REQUEST_ID": "a",
            "CONTENT_LENGTH": "5",
        },
        5,
    )


@pytest.mark.parametrize(
    ("plain", "other"),
    [
        (b"POST", b"GET"),
        (b"POST", b"post"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"/express", b"/express?a=1"),
        (b"/express", b"/%65xpress"),
        (b"/express", b"http://localhost/express"),
        (b"/express", b"*"),
        (b"Host: localhost\r\n", b""),
        (b"localhost", b"a b"),
        (b"localhost", b"a,b"),
        (b"Host: localhost", b"Host: localhost\r\nHost: other"),
        (b"Host:", b"Host :"),
        (b"Content-Type:", b"Content_Type:"),
        (b"Content-Length: 5", b"Content-Length: +5"),
        (b"Content-Length: 5", b"Content-Length: 5\r\nContent-Length: 5"),
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Host:", b"Transfer-Encoding: chunked\r\nHost:"),
        (b"Content-Length: 5", b"Content-Length: 5, 5"),
        (b"Host:", b"Expect: 100-continue\r\nHost:"),
        (b"Host:", b"Connection: close\r\nHost:"),
        (b"Host:", b"Connection: upgrade\r\nUpgrade: h2c\r\nHost:"),
        (b"Host:", b"Content-Encoding: gzip\r\nHost:"),
        (b"application/json", b"application/\x00json"),
        (b"application/json", b"a\r\n b"),
        (b"\r\nHost", b"\nHost"),
        (b"application/json", b"a\xe9"),
        (b"application/json", b"x" * 9000),
        (b"Host:", b"".join(b"X-%d: 1\r\n" % n for n in range(60)) + b"Host:"),
        (b"Host:", b"X-A: 1\r\nX-a: 2\r\nHost:"),
        (b"Host:", b": 1\r\nHost:"),
        (b"Content-Length: 5", "Content-Length: \u0665".encode()),
    ],
)
def test_every_other_request_is_left_to_the_servers_parser(plain: bytes, other: bytes) -> None:
    assert plain in PLAIN
    assert _read(PLAIN.replace(plain, other, 1)) is None


def test_how_long_a_request_waited_for_a_thread_is_known(own_server: Running) -> None:
    """While all threads are busy the loop answers, and what needs a thread learns how late it is."""
    with _known(own_server) as other, _known(own_server) as late, contextlib.ExitStack() as stack:
        busy = [stack.enter_context(own_server.connect()) for _ in range(THREADS)]
        for connection in busy:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually((own_server.home / "begun").exists)
        other.sendall(_request(b"x"))
        assert _answer(other)[1]["in_loop"] is True
        begun = time.monotonic()
        late.sendall(b"GET /seen HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while time.monotonic() < begun + 0.5:
            other.sendall(_request(b"x"))
            assert _answer(other)[1]["in_loop"] is True
        (own_server.home / "go-on").touch()
        assert 0.1 < json.loads(read_all(late).partition(b"\r\n\r\n")[2])["waited"] < 60
