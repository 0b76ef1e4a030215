"""A file that a stranger made is read by the reader (`reader.py`) and never in this process: a wish goes in, what was made of it comes out."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, BinaryIO

from backend import errors
from backend.confinement import is_out_of_memory
from backend.datasets.reader_words import DISK_FULL, DONE, LONGEST_ORDER, OUT_OF_MEMORY, TAKEN, TOO_LARGE, Ending, Order
from backend.errors import FieldProblem, InvalidFields, NotReady, SignetError, TooLarge
from backend.settings import REPOSITORY, inherited

# What a program needs to run at all; credentials and settings of the platform are not among it.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_FIXED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Arrow's own allocators reserve memory ahead, and one keeps a thread: the limit on memory would count it, a fork would lose it.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # What is freed goes back to the machine: to read a table takes a third less at its peak.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "1048576",
}
_START_SECONDS = 60  # libraries are loaded from a cold disk
_GRACE_SECONDS = 10
_LONGEST_WORD = 64 * 2**20
_TAIL = 2000
_REFUSALS: Mapping[str, type[SignetError]] = {
    kind.__name__: kind for kind in (errors.Malformed, errors.TooLarge, errors.Invalid, errors.DatasetUnreadable)
}


class Why(Enum):
    """Why a file could not be read, in words about the bounds of the order."""

    MEMORY = "to read it takes more than {memory_mb:,} MB of memory"
    TIME = "to read it takes longer than {seconds:g} seconds"
    SPACE = "it unpacks to more than {file_mb:,} MB"
    DAMAGE = "it is damaged, or uses a feature that cannot be read"


class Unread(Exception):
    """The process that read the file ended without an answer; `cause` is for the log."""

    def __init__(self, why: Why, cause: str) -> None:
        super().__init__(f"{why.name}: {cause}")
        self.why, self.cause = why, cause

    def refusal(self, what: str, order: Order, damaged: type[SignetError]) -> SignetError:
        """The error for its sender: TooLarge that names the bound, or that it is `damaged`. `what` begins the sentence."""
        kind = damaged if self.why is Why.DAMAGE else TooLarge
        return kind(f"{what}: {self.why.value.format(**asdict(order))}.", cause=self.cause)


@dataclass(frozen=True)
class Answer:
    """What was made of a file: what was said of it, and bytes that are no more than they were allowed to be."""

    said: dict[str, Any]
    rest: bytearray


def read_apart(order: Order, wish: Mapping[str, Any], body: bytes = b"", *, at_once: int = 1) -> Answer:
    """Have the order done in a process of its own, and no more than so many of its kind at once.

    Raises what the task refuses the file with, Unread where the process ended otherwise, and NotReady where none can be had.
    """
    with (
        _turn(order, at_once),
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as made,
        tempfile.TemporaryFile() as words,
    ):
        given.write(json.dumps(wish).encode() + b"\n")
        given.write(body)
        given.flush()
        ending = _READER.end_of(order, (given.fileno(), made.fileno(), words.fileno()))
        if ending.status == DISK_FULL:
            raise NotReady("There is no room to read files at the moment. Tell the administrator.", cause="disk full")
        if ending.status != DONE:
            raise _unread(ending, words)
        return _answer(made)


@contextmanager
def _turn(order: Order, at_once: int) -> Iterator[None]:
    """One of the places for orders of this kind; each may wait as long as it may last."""
    with _TURNS_LOCK:
        turns = _TURNS.setdefault((order.task, at_once), threading.BoundedSemaphore(at_once))
    if not turns.acquire(timeout=order.seconds):
        raise NotReady("Too many files are being read at the moment. Try again later.")
    try:
        yield
    finally:
        turns.release()


def _answer(made: BinaryIO) -> Answer:
    made.seek(0)
    line = made.readline(_LONGEST_WORD)
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise Unread(Why.DAMAGE, "no answer") from error
    if "refused" in answer:
        raise _refused(**answer["refused"])
    rest = bytearray(os.fstat(made.fileno()).st_size - len(line))
    made.readinto(rest)  # type: ignore[attr-defined]
    return Answer(answer["made"], rest)


def _refused(kind: str, detail: str, cause: str | None, problems: list[dict[str, Any]]) -> SignetError:
    if problems:
        return InvalidFields([FieldProblem(**problem) for problem in problems], cause=cause)
    return _REFUSALS[kind](detail, cause=cause)


def _unread(ending: Ending, words: BinaryIO) -> Unread:
    words.seek(max(0, words.seek(0, os.SEEK_END) - _TAIL))
    tail = words.read().decode("utf-8", "replace").strip()
    cause = f"status {ending.status}{', overdue' if ending.overdue else ''}: {tail}"
    if ending.overdue or ending.status == -signal.SIGXCPU:
        return Unread(Why.TIME, cause)
    if ending.status == TOO_LARGE:
        return Unread(Why.SPACE, cause)
    return Unread(Why.MEMORY if ending.status == OUT_OF_MEMORY or is_out_of_memory(tail) else Why.DAMAGE, cause)


class _Process:
    """The reader as seen from here; started when it is first needed, and again when it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._owner = os.getpid()

    def end_of(self, order: Order, places: tuple[int, int, int]) -> Ending:
        """Have the order done, and say how that ended."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._send(order, (*places, theirs.fileno()))
            ours.settimeout(order.seconds + _GRACE_SECONDS)
            try:
                said = ours.recv(LONGEST_ORDER)
            except TimeoutError:
                self.stop()  # it does not even end what is overdue
                raise NotReady("Files cannot be read at the moment. Try again.", cause="the reader hangs") from None
        if not said:
            raise NotReady("The reading was interrupted. Send the file again.", cause="the reader ended")
        return Ending.read(said)

    def stop(self) -> None:
        """End it and what it has begun."""
        with self._lock:
            self._stop()

    def _send(self, order: Order, descriptors: tuple[int, ...]) -> None:
        line = json.dumps(asdict(order)).encode()
        with self._lock:
            for _ in range(2):  # it may have died since
                control = self._running()
                with suppress(OSError):
                    socket.send_fds(control, [line], list(descriptors))
                    if control.recv(1) == TAKEN:
                        return
                self._stop()
        raise NotReady("Files cannot be read at the moment. Try again.", cause="the reader does not start")

    def _running(self) -> socket.socket:
        if self._control is None or self._owner != os.getpid():
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "backend.datasets.reader"],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    cwd=REPOSITORY,
                    env={**inherited(_INHERITED), **_FIXED},
                    process_group=0,
                )
            ours.settimeout(_START_SECONDS)
            self._control, self._owner = ours, os.getpid()
        return self._control

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


_TURNS: dict[tuple[str, int], threading.BoundedSemaphore] = {}
_TURNS_LOCK = threading.Lock()
_READER = _Process()
atexit.register(_READER.stop)
