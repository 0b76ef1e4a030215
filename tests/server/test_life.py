"""Start, drain, death."""

import contextlib
import http.client
import signal
import socket
import threading
import time

import pytest

from backend.settings import Settings
from tests.server.conftest import Running, eventually


def test_a_request_in_flight_ends_before_the_server_does(own_server: Running) -> None:
    answers = []
    thread = threading.Thread(target=lambda: answers.append(own_server.get("/slow")))
    thread.start()
    eventually((own_server.home / "begun").exists)
    own_server.process.send_signal(signal.SIGTERM)
    eventually(lambda: "Handling signal: term" in own_server.log.read_text())
    assert own_server.process.poll() is None
    (own_server.home / "go-on").touch()
    thread.join(timeout=30)
    assert answers == [(200, b"done")]
    assert own_server.process.wait(timeout=30) == 0


class Asking(threading.Thread):
    """A client that asks without a pause, keeps its connection while it may, and comes again until the door is closed."""

    def __init__(self, server: Running, path: str) -> None:
        super().__init__()
        self.server, self.path, self.answered = server, path, 0
        self.lost: list[str] = []

    def run(self) -> None:
        while True:
            with contextlib.closing(self.server.http()) as connection:
                try:
                    connection.connect()  # the handshake included: nothing was asked yet
                except OSError:
                    return
                while self._ask(connection):
                    pass

    def _ask(self, connection: http.client.HTTPSConnection) -> bool:
        """Whether the connection may be used again."""
        try:
            connection.request("POST", self.path, body=b"x" * 100)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.lost.append(repr(error))
            return False
        self.answered += answer.status == 200
        return answer.getheader("Connection") != "close"


@pytest.mark.parametrize("path", ["/express", "/body"])
def test_no_request_is_lost_when_the_server_ends(own_server: Running, path: str) -> None:
    clients = [Asking(own_server, path) for _ in range(8)]
    for client in clients:
        client.start()
    eventually(lambda: min(client.answered for client in clients) > 5, seconds=30)
    own_server.process.send_signal(signal.SIGTERM)
    for client in clients:
        client.join(timeout=30)
    assert [client.lost for client in clients] == [[]] * len(clients)
    assert own_server.process.wait(timeout=30) == 0


def test_idle_connections_do_not_hold_up_the_end(own_server: Running) -> None:
    kept = own_server.http()
    kept.request("GET", "/")
    kept.getresponse().read()
    with socket.create_connection(("127.0.0.1", own_server.port)):
        started = time.monotonic()
        own_server.stop()
        assert time.monotonic() - started < 8
    kept.close()
    assert own_server.process.returncode == 0
    assert "Traceback" not in own_server.log.read_text()


def test_a_worker_dies_with_its_arbiter_and_frees_the_port(own_server: Running) -> None:
    worker = own_server.worker()
    with own_server.connect() as busy:
        busy.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually((own_server.home / "begun").exists)
        own_server.process.kill()
        own_server.process.wait()
        eventually(lambda: not worker.is_running() or worker.status() == "zombie", seconds=10)
    with socket.socket() as next_one:
        next_one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        eventually(lambda: next_one.bind(("127.0.0.1", own_server.port)) is None)


def test_a_killed_worker_is_replaced(own_server: Running) -> None:
    first = own_server.worker()
    first.kill()
    eventually(lambda: not first.is_running())
    eventually(lambda: own_server.get("/") == (200, b"here"))


def test_the_server_makes_its_own_certificates(own_server: Running) -> None:
    certs = Settings(home=own_server.home).certs
    assert {"ca.pem", "server.pem", "server.key", "authority", "key-encryption-key"} <= {
        p.name for p in certs.iterdir()
    }
