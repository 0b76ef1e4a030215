"""The processes that make up the platform, as data."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from backend.settings import REPOSITORY, Settings, inherited

# The operator's own file, where there is one, is kept: it may say which cryptography the machine may use at all.
_OPENSSL = None if inherited(["OPENSSL_CONF"]) else REPOSITORY / "backend" / "listener" / "openssl.cnf"


@dataclass(frozen=True)
class Role:
    """One process: roles start in ascending `priority` and stop in descending, each given `stop_seconds`.

    `threads` caps what native libraries start by themselves; `once` is a task that ends; `openssl` is a file of OpenSSL's settings.
    """

    name: str
    argv: tuple[str, ...]
    priority: int
    threads: int = 1
    stop_seconds: int = 10
    once: bool = False
    openssl: Path | None = None


def platform_roles(settings: Settings, started_at: float) -> tuple[Role, ...]:
    """Every process of one platform; MLflow first because it takes longest to load.

    `started_at` is when the person asked for the platform, in seconds since the epoch.
    """
    mlflow = Role("mlflow", command("mlflow"), priority=100)
    parts = (
        Role("api", command("serve"), priority=200, threads=settings.threads, stop_seconds=25, openssl=_OPENSSL),
        Role("worker", command("worker"), priority=300, threads=settings.threads, stop_seconds=15),
        Role("ui", command("ui"), priority=400),
        Role("ready", command("ready", "--started-at", str(started_at)), priority=500, once=True),
    )
    return parts if settings.mlflow_url else (mlflow, *parts)


def command(name: str, *options: str) -> tuple[str, ...]:
    """This very Python running one of our commands, whose life is tied to this process."""
    return (sys.executable, "-m", "backend", name, "--die-with", str(os.getpid()), *options)
