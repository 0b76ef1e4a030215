"""What must be true before anything starts: the home is nobody else's, and the ports are free."""

import errno
import ipaddress
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from backend.errors import Conflict, UnsafeSettings
from backend.settings import Settings

# What a platform that was killed leaves behind ends within this time.
_PATIENCE_SECONDS = 5.0


@contextmanager
def hold_home(settings: Settings) -> Iterator[None]:
    """The home is ours alone until the block ends, however it ends; Conflict names the process that has it."""
    run = settings.data / "run"
    pid = run / "up.pid"
    try:
        with FileLock(run / "up.lock", timeout=0, mode=0o600):
            pid.write_text(f"{os.getpid()}\n", encoding="ascii")
            yield
    except Timeout as error:
        holder = pid.read_text(encoding="ascii").strip() if pid.exists() else "unknown"
        raise Conflict(
            f"Signet already runs on {settings.home} (process {holder}). Stop it first, or set SIGNET_HOME and the "
            "three ports to start a second one."
        ) from error


def verify_ports_free(settings: Settings, patience: float = _PATIENCE_SECONDS) -> None:
    """Conflict that names the variable to change where another program listens on a port, after `patience` seconds."""
    _verify_free("SIGNET_PORT", settings.bind, settings.port, patience)
    _verify_free("SIGNET_UI_PORT", settings.bind, settings.ui_port, patience)
    if not settings.mlflow_url:
        if not _is_loopback(settings.mlflow_bind):
            raise UnsafeSettings(
                "SIGNET_MLFLOW_BIND: MLflow speaks no TLS, so on one machine it listens on loopback only"
            )
        _verify_free("SIGNET_MLFLOW_PORT", settings.mlflow_bind, settings.mlflow_port, patience)


def _verify_free(variable: str, host: str, port: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while (problem := _find_problem(host, port)) is not None:
        if problem.errno != errno.EADDRINUSE:
            hint = f"Change {variable}" if problem.errno == errno.EACCES else "Change SIGNET_BIND"
            raise UnsafeSettings(f"Cannot listen on {host} port {port}: {problem.strerror}. {hint}.")
        if time.monotonic() > deadline:
            raise Conflict(f"Another program listens on port {port}. Stop it, or set {variable} to a free port.")
        time.sleep(0.1)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _find_problem(host: str, port: int) -> OSError | None:
    """What the system answers to a listener there; None where it may listen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            # As servers do: connections of an earlier start that are still winding down do not count.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except OSError as error:
        return error
    return None
