"""What a server is to the benchmark: how it is started, asked and read."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx
import psutil

STARTING_SECONDS = 180


@dataclass(frozen=True)
class Ask:
    """One request, and how to find the first row's probability in its answer."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    read: Callable[[httpx.Response], float]


@dataclass(frozen=True)
class Tls:
    """What a caller needs for TLS: whom it trusts, and its own certificate and key."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Command:
    """One process of a server, and the processors that it may use."""

    argv: Sequence[str]
    cpus: frozenset[int]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    ready: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Server:
    """`kind` is `ours`, `baseline` (FastAPI), `product` or `reference`; `asks` holds what it can be asked, by case."""

    name: str
    kind: str
    port: int
    asks: Mapping[str, Ask]
    commands: Sequence[Command]
    tls: Tls | None = None
    shares: str | None = None  # the name of another server whose processes work for this one too

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"


# The same for every process: one compute thread, and no thread that spins while it waits.
QUIET = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUNBUFFERED": "1",
}


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """That of a process started here: no setting of a platform that the caller's shell may know reaches it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIGNET_")}
    return {**inherited, **QUIET, **more}


class Running:
    """Processes started here, each the head of a group of its own; all of them end with `stop`."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._heads: dict[str, list[subprocess.Popen[bytes]]] = {}

    def start(self, server: Server) -> None:
        """Start it and wait until it answers; what it says is in the folder of logs."""
        self._heads[server.name] = []
        for place, command in enumerate(server.commands):
            log = self._logs / f"{server.name.replace(' ', '-').replace('/', '-')}-{place}.log"
            with log.open("ab") as output:
                head = _launch(command, output)
            self._heads[server.name].append(head)
            wait_until(command.ready, head, log)
        wait_until(
            lambda: is_listening(server.port), self._heads[server.name][-1] if server.commands else None, self._logs
        )

    def processes(self, server: Server) -> list[psutil.Process]:
        """Every process that works for it."""
        heads = [*self._heads.get(server.name, []), *self._heads.get(server.shares or "", [])]
        found = []
        for head in heads:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(head.pid)
                found += [process, *process.children(recursive=True)]
        return found

    def stop(self) -> None:
        for heads in reversed(self._heads.values()):
            for head in reversed(heads):
                end(head)
        self._heads.clear()


def memory_mb(processes: Sequence[psutil.Process]) -> float:
    """Resident memory of all together, in megabytes; pages that they share are counted once for each."""
    return sum(process.memory_info().rss for process in processes) / 1e6


def memory_once_mb(processes: Sequence[psutil.Process]) -> float:
    """The same with shared pages counted once (Linux: proportional set size)."""
    return sum(getattr(process.memory_full_info(), "pss", process.memory_info().rss) for process in processes) / 1e6


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


def _launch(command: Command, output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(command.argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment(command.environment), cwd=command.folder,
        start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, command.cpus),  # noqa: PLW1509 - no threads yet
    )  # fmt: skip


def end(head: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the head, which knows how to end its own; what is left of the group after that is killed."""
    if head.poll() is None:
        head.terminate()
        with suppress(subprocess.TimeoutExpired):
            head.wait(timeout=40)
    with suppress(ProcessLookupError):
        os.killpg(head.pid, signal.SIGKILL)
    head.wait()


def wait_until(fact: Callable[[], bool], head: subprocess.Popen[bytes] | None, log: Path) -> None:
    until = time.monotonic() + STARTING_SECONDS
    while not fact():
        if head is not None and head.poll() is not None:
            raise RuntimeError(f"{head.args!r} ended with {head.returncode}; see {log}")
        if time.monotonic() > until:
            raise TimeoutError(f"no answer within {STARTING_SECONDS} seconds; see {log}")
        time.sleep(0.1)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
