"""Whether the part that runs in this container is well: exit code 0 where it is, 1 with a reason where it is not.

`probe.py http unix:PATH|HOST:PORT PATH` asks over HTTP (a PATH that ends with "/" is a folder, and the socket in it that this container
listens on is asked), `probe.py https HOST:PORT PATH CA` over TLS, `probe.py lock FILE` looks whether a
process holds the file. Only Python's own library, as containers have no curl.
"""

import contextlib
import fcntl
import http.client
import os
import socket
import ssl
import sys

SECONDS = 4
LISTENS = "00010000"  # what the kernel calls __SO_ACCEPTCON


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


def listening_in(folder: str) -> str:
    """The socket in a folder that a process of this container listens on: other containers' are not in this kernel's list."""
    with open("/proc/net/unix", encoding="utf-8") as sockets:  # noqa: PTH123 - the shortest start
        for line in sockets:
            words = line.split()
            if len(words) == 8 and words[3] == LISTENS and words[7].startswith(folder):
                return words[7]
    raise FileNotFoundError(f"nobody listens in {folder}")


def connection(scheme: str, address: str, ca: str | None) -> http.client.HTTPConnection:
    """The connection to ask over; the certificate is to be good for the address."""
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        return UnixConnection(listening_in(path) if path.endswith("/") else path)
    if scheme == "https":
        return http.client.HTTPSConnection(address, timeout=SECONDS, context=ssl.create_default_context(cafile=ca))
    return http.client.HTTPConnection(address, timeout=SECONDS)


def answer(scheme: str, address: str, path: str, ca: str | None = None) -> str:
    """Empty where the answer is good, else what it was."""
    try:
        with contextlib.closing(connection(scheme, address, ca)) as asked:
            asked.request("GET", path)
            status = asked.getresponse().status
    except OSError as error:
        return f"{address} does not answer: {error}"
    return "" if status == http.HTTPStatus.OK else f"{address} answers {status}"


def lock(file: str) -> str:
    """Empty where a process holds the file."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except OSError as error:
        return str(error)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return ""
    finally:
        os.close(descriptor)
    return f"nobody holds {file}"


def main(kind: str, *words: str) -> int:
    """The exit code; the reason goes to the container's health log."""
    problem = lock(*words) if kind == "lock" else answer(kind, *words)
    if problem:
        sys.stderr.write(f"{problem}\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
