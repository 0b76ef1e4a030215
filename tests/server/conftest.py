"""A running server of the real kind, with short deadlines and few threads."""

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.settings import REPOSITORY

THREADS = 2


def eventually(check: Callable[[], Any], *, seconds: float = 15) -> Any:
    """The first true answer of `check`, asked again and again until the deadline."""
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if answer := check():
                return answer
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


class Running:
    """One server process with its worker, its files and its log."""

    def __init__(self, home: Path) -> None:
        self.home, self.log = home, home / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "tests.server.tiny", str(home), str(self.port), str(THREADS)]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=log, stdout=log)
        eventually(lambda: self.get("/") == (200, b"here"), seconds=60)

    def trust(self) -> ssl.SSLContext:
        """What a client trusts: the authority's root, checked strictly."""
        context = ssl.create_default_context(cafile=self.home / "certs" / "ca.pem")
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    def connect(self, context: ssl.SSLContext | None = None, **more: Any) -> ssl.SSLSocket:
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return (context or self.trust()).wrap_socket(raw, server_hostname="localhost", **more)

    def http(self, context: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self.port, context=context or self.trust(), timeout=20)

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        with contextlib.closing(self.http()) as connection:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def exchange(self, sent: bytes) -> bytes:
        """All that the server answers to these bytes, until it closes."""
        with self.connect() as connection:
            connection.sendall(sent)
            return read_all(connection)

    def worker(self) -> psutil.Process:
        (only,) = psutil.Process(self.process.pid).children()
        return only

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


def read_all(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection, however it ends."""
    parts = []
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("home"))
    yield running
    running.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Running]:
    """A server that the test may stop or break."""
    running = Running(tmp_path)
    yield running
    running.stop()
