"""The nginx of the containers, started as in its container but on this machine: other places and ports, the same files."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from backend.settings import REPOSITORY
from tests.e2e.running import free_ports
from tests.left_out import find_nginx
from tests.server.conftest import eventually


@contextlib.contextmanager
def nginx_in(folder: Path, certs: Path, **environment: str) -> Iterator[dict[str, int]]:
    """The ports of `api`, `web_app` and `mlflow`; the APIs' sockets are in `folder`."""
    nginx = find_nginx()
    assert nginx is not None
    ports = dict(zip(("api", "web_app", "mlflow"), free_ports(3), strict=True))
    places = {
        "/run/nginx/": f"{folder}/run/",
        "/run/signet/": f"{folder}/",
        "/etc/signet/certs": str(certs),
        "/etc/signet/people": f"{folder}/people",
        "/etc/signet/nginx": f"{folder}/nginx",
        "worker_processes auto;": "worker_processes 1;" + (" user root;" if os.geteuid() == 0 else ""),
    }
    for inside, part in ((8443, "api"), (8501, "web_app"), (5443, "mlflow")):
        places |= {f"listen [::]:{inside} ssl;": "", f"listen {inside}": f"listen 127.0.0.1:{ports[part]}"}
    (folder / "run").mkdir()
    for name in ("nginx", "people"):
        shutil.copytree(REPOSITORY / "compose" / name, folder / name)
        for file in (folder / name).iterdir():
            text = file.read_text()
            for ours, theirs in places.items():
                text = text.replace(ours, theirs)
            file.write_text(text)
    program = os.pathsep.join((str(Path(nginx).parent), os.environ["PATH"]))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", folder / "people" / "start.sh"],
            env=os.environ | environment | {"PATH": program},
            stdout=log,
            stderr=log,
        )
    try:
        for port in ports.values():
            eventually(lambda port=port: _listens(port), seconds=30)
        yield ports
    finally:
        process.terminate()
        process.wait(timeout=20)


def _listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0
