"""A training process seen from its worker: a job's folder comes in; messages, and how it ended, go out."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend.settings import REPOSITORY, inherited

LOG_FILE = "training.log"
_WAIT_SECONDS = 0.5
_LONGEST_LINE = 2**20
_TAIL = 4000

# What a program needs to run at all; credentials and settings of the platform are not among it.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class TrainingProcess:
    """One run of `backend.training.child`, in a process group of its own.

    Start it in the worker's main thread: the system ends it when the thread that started it ends.
    """

    def __init__(self, folder: Path, *, threads: int, cache: Path) -> None:
        self._folder = folder
        self._reaping = threading.Lock()
        self._is_reaped = False
        with (folder / LOG_FILE).open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-m", "backend.training.child", str(folder), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=REPOSITORY,
                env=_environment(threads, cache),
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def messages(self) -> Iterator[Mapping[str, Any]]:
        """What it reports, until it has ended."""
        if self._process.stdout is None:
            return
        with self._process.stdout as stdout:
            rest = b""
            while chunk := self._read(stdout.fileno()):
                *lines, rest = (rest + chunk).split(b"\n")
                rest = rest[-_LONGEST_LINE:]
                yield from filter(None, map(_message, lines))

    def finish(self) -> int:
        """Wait for the end, take along whatever it has started itself, and give its exit status (negative: a signal)."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._reaping:
            # Its process id is still taken, so the group can be nobody else's.
            self._signal_group()
            self._is_reaped = True
            return self._process.wait()

    def kill(self) -> None:
        """End it and whatever it has started; safe from any thread, at any time."""
        with self._reaping:
            if not self._is_reaped:
                self._signal_group()

    def last_words(self) -> str:
        """The end of what it and its libraries wrote to standard error."""
        with suppress(OSError):
            return (self._folder / LOG_FILE).read_bytes()[-_TAIL:].decode("utf-8", "replace").strip()
        return ""

    def _read(self, descriptor: int) -> bytes:
        """Some bytes, or none once it has ended, even where something that it started still holds the pipe."""
        while True:
            if select.select([descriptor], [], [], _WAIT_SECONDS)[0]:
                return os.read(descriptor, 65536)
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
                return b""

    def _signal_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def _environment(threads: int, cache: Path) -> dict[str, str]:
    return {
        **inherited(_INHERITED),
        **dict.fromkeys(_THREADS, str(threads)),
        # Threads that spin while they wait take the processor from those they wait for, once others work here too.
        "OMP_WAIT_POLICY": "PASSIVE",
        "MPLCONFIGDIR": str(cache),
        "MPLBACKEND": "agg",
        # Arrow's own allocators reserve memory ahead, which the limit on memory would count.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "PYTHONUNBUFFERED": "1",
    }


def _message(line: bytes) -> Mapping[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
