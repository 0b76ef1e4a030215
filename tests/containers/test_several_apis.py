"""nginx before several APIs: shared out among them, gone ones passed over, new ones found, and nothing sent twice that may count."""

import contextlib
import http.client
import http.server
import socket
import socketserver
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.identity.authority import ensure_authority
from backend.settings import Settings
from tests.containers.nginx_here import nginx_in
from tests.server.conftest import eventually

pytestmark = [pytest.mark.nginx, pytest.mark.xdist_group("nginx")]


class Answers(http.server.BaseHTTPRequestHandler):
    """Says which API it is; hangs up on what is asked of `/cut`, after having read it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        api: Api = self.server  # type: ignore[assignment]
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        api.asked.append(f"{self.command} {self.path}")
        if self.path == "/cut":
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(api.name)))
        self.end_headers()
        self.wfile.write(api.name.encode())

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *words: object) -> None:
        """Nothing to tell."""

    def address_string(self) -> str:
        return ""


class Api(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Stands for an API on a socket of its own."""

    daemon_threads = True

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.asked = name, list[str]()
        self.connections = set[socket.socket]()
        super().__init__(str(folder / f"{name}.sock"), Answers)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def process_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        self.connections.add(request)
        super().process_request(request, client_address)

    def kill(self) -> None:
        """As by SIGKILL: connections end, the socket stays in the folder."""
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ensure_authority(Settings(home=tmp_path / "home"))
    return tmp_path


@pytest.fixture
def apis(folder: Path) -> Iterator[list[Api]]:
    made = [Api(folder, "one"), Api(folder, "two")]
    yield made
    for api in made:
        api.kill()


@pytest.fixture
def port(folder: Path, apis: list[Api]) -> Iterator[int]:
    with nginx_in(folder, folder / "home" / "certs", SIGNET_WEB_ORIGIN="https://localhost") as ports:
        yield ports["api"]


def ask(folder: Path, port: int, method: str = "GET", path: str = "/") -> tuple[int, str]:
    trust = ssl.create_default_context(cafile=folder / "home" / "certs" / "ca.pem")
    with contextlib.closing(http.client.HTTPSConnection("localhost", port, context=trust, timeout=20)) as connection:
        connection.request(method, path, body=b"{}" if method == "POST" else None)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_requests_are_shared_out_and_one_that_is_gone_is_passed_over(folder: Path, apis: list[Api], port: int) -> None:
    answered = Counter(ask(folder, port, "POST") for _ in range(20))
    assert answered.keys() == {(200, "one"), (200, "two")}
    assert min(answered.values()) >= 5
    apis[0].kill()
    assert {ask(folder, port, method) for method in ("GET", "POST") for _ in range(10)} == {(200, "two")}


def test_what_an_api_may_have_counted_is_not_sent_to_another(folder: Path, apis: list[Api], port: int) -> None:
    status, problem = ask(folder, port, "POST", "/cut")
    assert (status, "not-ready" in problem) == (503, True)
    assert [each for api in apis for each in api.asked if "/cut" in each] == ["POST /cut"]


def test_what_changes_nothing_is_asked_of_the_other(folder: Path, apis: list[Api], port: int) -> None:
    assert ask(folder, port, "GET", "/cut")[0] == 503
    assert [api.asked for api in apis] == [["GET /cut"]] * 2


def test_an_api_that_comes_is_found_and_none_is_not_the_end(folder: Path, apis: list[Api], port: int) -> None:
    apis.append(Api(folder, "three"))
    eventually(lambda: ask(folder, port) == (200, "three"), seconds=10)
    for api in apis:
        api.kill()
    assert ask(folder, port)[0] == 503
    apis.append(Api(folder, "four"))
    eventually(lambda: ask(folder, port) == (200, "four"), seconds=10)
