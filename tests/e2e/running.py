"""The whole platform as a person starts it: `python -m backend up`, in a home and on ports of its own."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 240
Found = TypeVar("Found")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(find: Callable[[], Found | None], *, seconds: float, what: str) -> Found:
    """What `find` gives as soon as it gives something; AssertionError naming `what` after the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


@dataclass
class Platform:
    """A running platform: its folders, its addresses, its processes."""

    home: Path
    api_port: int
    ui_port: int
    mlflow_port: int
    process: subprocess.Popen[str] = field(init=False, repr=False)
    reader: threading.Thread = field(init=False, repr=False)
    lines: list[str] = field(default_factory=list, repr=False)
    clients: list[httpx.Client] = field(default_factory=list, repr=False)

    @property
    def api_url(self) -> str:
        return f"https://localhost:{self.api_port}"

    @property
    def ui_url(self) -> str:
        return f"https://localhost:{self.ui_port}"

    @property
    def mlflow_url(self) -> str:
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def password(self) -> str:
        return (self.home / "certs" / "initial-admin-password").read_text().strip()

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "SIGNET_HOME": str(self.home),
            "SIGNET_PORT": str(self.api_port),
            "SIGNET_UI_PORT": str(self.ui_port),
            "SIGNET_MLFLOW_PORT": str(self.mlflow_port),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}",
            "PYTHONUNBUFFERED": "1",
        }

    def start(self) -> "Platform":
        """Start it and wait until it says that it is ready."""
        self.lines.clear()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backend", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        try:
            wait_for(self._is_ready, seconds=READY_SECONDS, what="the platform says that it is ready")
        except AssertionError as error:
            self.stop()
            raise AssertionError("\n".join([str(error), *self.lines[-80:]])) from None
        return self

    def stop(self) -> None:
        """What Ctrl-C does."""
        self._hang_up()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self.reader.join()

    def kill(self) -> None:
        """What a power cut does to processes: all of them, without a word; one born meanwhile too."""
        self._hang_up()

        def killed() -> bool:
            left = self.processes()
            for process in left:
                process.kill()
            return not left

        wait_for(killed, seconds=20, what="every process is gone")
        self.process.wait(timeout=20)
        self.reader.join()

    def processes(self) -> list[psutil.Process]:
        """Every process whose environment names this home, whoever its parent is by now."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def role(self, name: str) -> psutil.Process:
        """The process that runs `python -m backend <name>`."""

        def find() -> psutil.Process | None:
            return next((p for p in self.processes() if _command(p)[1:4] == ["-m", "backend", name]), None)

        return wait_for(find, seconds=30, what=f"a process for '{name}'")

    def client(self, username: str = "admin", password: str | None = None) -> httpx.Client:
        """A caller who is signed in, over real TLS that trusts `ca.pem` only."""
        context = ssl.create_default_context(cafile=str(self.home / "certs" / "ca.pem"))
        client = httpx.Client(base_url=self.api_url, verify=context, timeout=60)
        self.clients.append(client)
        answer = client.post("/login", json={"username": username, "password": password or self.password})
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return client

    def _hang_up(self) -> None:
        while self.clients:
            self.clients.pop().close()

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("SIGNET_HOME") == str(self.home) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"`up` ended with {self.process.returncode}")
        return any("Sign in at" in line for line in self.lines)

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))


def finished_job(client: httpx.Client, job_id: str, *, seconds: float = 120) -> dict[str, Any]:
    """The job once it has ended."""

    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        return job if job["state"] in {"succeeded", "failed", "cancelled"} else None

    return wait_for(ended, seconds=seconds, what=f"job {job_id} ends")


def upload(client: httpx.Client, path: Path, name: str) -> dict[str, Any]:
    """The dataset made of a file."""
    with path.open("rb") as file:
        answer = client.post("/v1/datasets", files={"file": (path.name, file)}, data={"name": name})
    assert answer.status_code == 201, answer.text
    dataset: dict[str, Any] = answer.json()
    return dataset


def train(client: httpx.Client, dataset_id: str, target: str, model: str, **more: Any) -> dict[str, Any]:
    """The job, acknowledged."""
    answer = client.post("/v1/jobs", json={"dataset_id": dataset_id, "target": target, "model": model, **more})
    assert answer.status_code == 202, json.dumps(answer.json())
    job: dict[str, Any] = answer.json()
    return job


def make_platform(home: Path) -> Platform:
    """A platform that is not started yet."""
    home.mkdir(parents=True, exist_ok=True)
    return Platform(home, *free_ports(3))


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def running_platform(home: Path) -> Iterator[Platform]:
    """Started, then stopped, and nothing of it left."""
    platform = make_platform(home).start()
    yield platform
    platform.stop()
    left = [" ".join(_command(process)) for process in platform.processes()]
    assert left == [], f"left behind: {left}"
