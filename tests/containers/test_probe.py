"""The probe that says whether the part in a container is well."""

import fcntl
import http.server
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

PROBE = Path(__file__).resolve().parents[2] / "compose" / "probe.py"


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 503)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Nothing to tell."""

    def address_string(self) -> str:
        return ""


@pytest.fixture(params=["unix", "tcp"])
def part(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a part that answers."""
    path = str(tmp_path / "part.sock")
    made = (
        socketserver.UnixStreamServer(path, Answers)
        if request.param == "unix"
        else socketserver.TCPServer(("127.0.0.1", 0), Answers)
    )
    with made as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"unix:{path}" if request.param == "unix" else f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def probe(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(PROBE), *words], capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stderr


def test_a_part_is_well_where_it_says_so(part: str) -> None:
    assert probe("http", part, "/well") == (0, "")
    assert probe("http", part, "/ill") == (1, f"{part} answers 503\n")


def test_a_part_that_is_not_there_is_not_well(tmp_path: Path) -> None:
    code, why = probe("http", f"unix:{tmp_path}/nobody.sock", "/well")
    assert (code, "does not answer" in why) == (1, True)


def test_of_many_sockets_in_a_folder_the_one_that_this_container_listens_on_is_asked(part: str, tmp_path: Path) -> None:
    if not part.startswith("unix:"):
        assert "nobody listens in" in probe("http", f"unix:{tmp_path}/", "/well")[1]
        return
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "a.sock"))
    assert probe("http", f"unix:{tmp_path}/", "/well") == (0, "")
    assert probe("http", f"unix:{tmp_path}/", "/ill")[0] == 1


def test_a_worker_is_there_as_long_as_it_holds_its_file(tmp_path: Path) -> None:
    file = tmp_path / "worker.lock"
    assert probe("lock", str(file))[0] == 1
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert probe("lock", str(file)) == (0, "")
    assert probe("lock", str(file)) == (1, f"nobody holds {file}\n")
