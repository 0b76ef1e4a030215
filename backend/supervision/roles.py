"""The processes that make up the platform, as data."""

import os
import sys
from dataclasses import dataclass

from backend.settings import Settings


@dataclass(frozen=True)
class Role:
    """One process: roles start in ascending `priority` and stop in descending, each given `stop_seconds`.

    `threads` caps what native libraries start by themselves; `once` is a task that ends.
    """

    name: str
    argv: tuple[str, ...]
    priority: int
    threads: int = 1
    stop_seconds: int = 10
    once: bool = False


def platform_roles(settings: Settings, started_at: float) -> tuple[Role, ...]:
    """Every process of one platform; MLflow first because it takes longest to load.

    `started_at` is when the person asked for the platform, in seconds since the epoch.
    """
    mlflow = Role("mlflow", command("mlflow"), priority=100)
    parts = (
        Role("api", command("serve"), priority=200, threads=settings.threads, stop_seconds=25),
        Role("worker", command("worker"), priority=300, threads=settings.threads, stop_seconds=15),
        Role("ui", command("ui"), priority=400),
        Role("ready", command("ready", "--started-at", str(started_at)), priority=500, once=True),
    )
    return parts if settings.mlflow_url else (mlflow, *parts)


def command(name: str, *options: str) -> tuple[str, ...]:
    """This very Python running one of our commands, whose life is tied to this process."""
    return (sys.executable, "-m", "backend", name, "--die-with", str(os.getpid()), *options)
