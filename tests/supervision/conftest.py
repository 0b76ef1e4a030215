"""A running platform of stand-in processes, and what can be seen of it from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 30.0
T = TypeVar("T")


class Running:
    """One start of a platform; `text` is all that it has shown so far."""

    def __init__(self, home: Path, roles: list[dict[str, object]], shown: Path) -> None:
        self.home, self.shown = home, shown
        argv = [sys.executable, "-m", "tests.supervision.stand_in", str(home), json.dumps(roles)]
        with shown.open("wb") as out:
            # A session of its own, so that a signal to its group never reaches the tests.
            self.process = subprocess.Popen(
                argv, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    @property
    def text(self) -> str:
        return self.shown.read_text()

    def wait_for(self, pattern: str, *, times: int = 1) -> list[str]:
        """The first groups of the pattern's matches, once there are that many."""

        def find() -> list[str] | None:
            ended = self.process.poll() is not None
            found = re.findall(pattern, self.text, re.MULTILINE)
            assert len(found) >= times or not ended, self.text
            return found if len(found) >= times else None

        return until(find, self)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def until(find: Callable[[], T | None], context: Running | None = None) -> T:
    """What `find` comes back with as soon as that is not None."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if (found := find()) is not None:
            return found
        time.sleep(0.02)
    pytest.fail(f"nothing within {SECONDS} s; shown so far:\n{context.text if context else ''}")


def wait_until_gone(*pids: int) -> None:
    """Return when none of the processes runs any more."""
    until(lambda: None if any(map(is_running, pids)) else True)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts a platform of the given roles on `tmp_path`, or on a folder in it."""
    started: list[Running] = []

    def begin(*roles: dict[str, object], home: Path = tmp_path) -> Running:
        running = Running(home, list(roles), tmp_path / f"shown-{len(started)}")
        started.append(running)
        return running

    yield begin
    for running in started:
        if running.process.poll() is None:
            os.kill(running.process.pid, signal.SIGKILL)
            running.process.wait()
