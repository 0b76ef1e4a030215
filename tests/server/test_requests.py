"""What reaches the app, and what is answered before it."""

import contextlib
import json
import re
import ssl
import time
from urllib.parse import quote

import pytest

from tests.server.conftest import Running, eventually, read_all

POST = b"POST /body HTTP/1.1\r\nHost: localhost\r\n"


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
        (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 431),
        (b"GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n", 500),
    ],
)
def test_what_never_reaches_the_app_is_answered_as_a_problem(server: Running, sent: bytes, status: int) -> None:
    answer = server.exchange(sent)
    head, body = answer.split(b"\r\n\r\n", 1)
    assert _status(answer) == status
    assert b"Content-Type: application/problem+json" in head
    document = json.loads(body)
    assert document["status"] == status
    assert document["request_id"].encode() in head
    eventually(lambda: f"[{document['request_id']}]" in server.log.read_text())
    assert b"nonsense" not in answer
    assert b"secret" not in answer


def test_what_a_caller_sent_begins_no_line_of_the_log(own_server: Running) -> None:
    """The server's own log too, where a fault repeats what the caller sent: one line says so, what follows is indented."""
    forged = "2026-11-23T00:00:00.000Z INFO signet.access: forged"
    answer = own_server.exchange(f"GET /broken%0a{quote(forged)}%1b%5b2J HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert _status(answer) == 500
    text = eventually(lambda: "forged" in (found := own_server.log.read_text()) and found)
    assert "OSError: lost /broken" in text
    assert "\x1b" not in text
    head = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z [A-Z]+ (gunicorn\.error|signet\.\w+): ")
    lines = [line for line in text.splitlines() if not line.startswith("  ")]
    assert [line for line in lines if not head.match(line) or "forged" in line] == []


def test_headers_do_not_change_who_asks_and_how(server: Running) -> None:
    forged = {
        "X-Forwarded-Proto": "http",
        "X-Forwarded-For": "10.0.0.1",
        "SCRIPT_NAME": "/elsewhere",
        "Some_Thing": "else",
    }
    status, body = server.get("/seen", forged)
    seen = json.loads(body)
    assert status == 200
    assert (seen["scheme"], seen["script"], seen["certificate"]) == ("https", "", None)
    assert "Some-Thing" not in seen["headers"]


def test_a_claim_to_a_certificate_reaches_the_app_under_one_name_for_it_to_refuse(server: Running) -> None:
    for name in ("Client_Cert", "X_SSL_Client_Cert", "X_Forwarded_Client_Cert"):
        _, body = server.get("/seen", {name: "forged"})
        seen = json.loads(body)
        assert (seen["certificate"], name.replace("_", "-").lower() in map(str.lower, seen["headers"])) == (None, True)


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 11\r\n\r\nhello\nworld",
        b"Transfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n5\r\nworld\r\n0\r\n\r\n",
    ],
)
def test_a_body_arrives_whole(server: Running, framing: bytes) -> None:
    for path, expected in ((b"/body", {"received": 11}), (b"/lines", {"lines": ["hello\n", "world"]})):
        answer = server.exchange(b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + framing)
        assert json.loads(answer.split(b"\r\n\r\n", 1)[1]) == expected


def test_requests_that_arrive_in_one_piece_are_all_answered(server: Running) -> None:
    """Each is read with the end of the one before, and so nothing more arrives that would announce it."""
    one = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    answers = server.exchange(2 * (one + b"\r\n") + one + b"Connection: close\r\n\r\n")
    assert (answers.count(b"HTTP/1.1 200"), answers.count(b"here")) == (3, 3)


def test_a_body_that_ends_early_is_refused(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 1000\r\n\r\nhalf")
        connection.settimeout(0)
        with contextlib.suppress(ssl.SSLWantReadError):
            connection.unwrap()  # TLS's goodbye in one direction: the server can still answer
        connection.settimeout(20)
        assert _status(read_all(connection)) == 400


def test_a_body_that_is_cut_is_not_taken_for_a_shorter_one(server: Running) -> None:
    (server.home / "failed").unlink(missing_ok=True)
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 1000\r\n\r\nhalf")
    assert eventually((server.home / "failed").read_text) == "996 bytes are missing"


SMUGGLED = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("body", [b"zz\r\nhello\r\n0\r\n\r\n" + SMUGGLED, b"5\r\nhelloXX0\r\n\r\n" + SMUGGLED])
def test_nothing_is_read_as_a_request_after_a_broken_chunk(server: Running, body: bytes) -> None:
    answer = server.exchange(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert _status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1


def test_an_answer_reaches_a_client_whose_body_was_not_read(server: Running) -> None:
    size = 8 * 1024 * 1024
    with server.connect() as connection:
        connection.sendall(
            b"POST /refused HTTP/1.1\r\nHost: localhost\r\n" + f"Content-Length: {size}\r\n\r\n".encode()
        )
        connection.sendall(bytes(size))
        answer = read_all(connection)
    assert _status(answer) == 413
    assert answer.endswith(b"too large")


def test_many_requests_on_one_connection(server: Running) -> None:
    connection = server.http()
    started = time.monotonic()
    for _ in range(50):
        connection.request("POST", "/body", body=b"x" * 1000)
        assert json.loads(connection.getresponse().read()) == {"received": 1000}
    connection.close()
    assert time.monotonic() - started < 10
