"""The reader: `python -m backend.datasets.reader`, which reads each file that strangers made in a process of its own.

A crafted file can make a library ask for all memory, loop, or end its process. So this process reads nothing itself: for each file
it forks one that does, which costs a few milliseconds because all libraries are loaded already, and which starts with no trace of
any file before it. Orders come on standard input, a Unix socket, one at a time:

- one line of JSON: the fields of `Order`;
- with it four descriptors: the wish, a place for the answer, one for what libraries say, and a socket on which to tell the end.

A byte says that the order is taken. When the socket closes, everything ends.
"""

import errno
import gc
import json
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import NoReturn

from backend.confinement import (
    cap_files,
    cap_memory,
    cap_processor,
    die_with,
    is_out_of_memory,
    leave_no_core,
    let_others_first,
)
from backend.datasets.reader_tasks import TASKS
from backend.datasets.reader_words import (
    CRASHED,
    DESCRIPTORS,
    DISK_FULL,
    DONE,
    LONGEST_ORDER,
    OUT_OF_MEMORY,
    TAKEN,
    TOO_LARGE,
    Ending,
    Order,
)

_NO_SPACE = {errno.EFBIG: TOO_LARGE, errno.ENOSPC: DISK_FULL}


@dataclass
class _Job:
    """A forked process; its `lifeline` can be read from once it is gone."""

    pid: int
    lifeline: int
    told: socket.socket
    ends_at: float
    overdue: bool = False

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


class Reader:
    """The process that is forked for each file."""

    def __init__(self, control: socket.socket, work: Callable[[Order, int, int], int]) -> None:
        self._control, self._work = control, work
        self._jobs: dict[int, _Job] = {}

    def serve(self) -> None:
        """Until nobody holds the other end of the socket."""
        try:
            while self._step():
                pass
        finally:
            for job in self._jobs.values():
                job.kill()

    def _step(self) -> bool:
        control = self._control.fileno()
        ready, _, _ = select.select([control, *self._jobs], [], [], self._patience())
        for lifeline in set(ready) - {control}:
            self._bury(self._jobs.pop(lifeline))
        for job in self._jobs.values():
            if time.monotonic() >= job.ends_at and not job.overdue:
                job.overdue = True
                job.kill()
        return control not in ready or self._take()

    def _patience(self) -> float | None:
        """Seconds until the next job is overdue."""
        ends = [job.ends_at for job in self._jobs.values() if not job.overdue]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _take(self) -> bool:
        """Begin what is ordered; whether there was an order."""
        said, given, _, _ = socket.recv_fds(self._control, LONGEST_ORDER, DESCRIPTORS)
        if not said or len(given) != DESCRIPTORS:
            return False
        order = Order(**json.loads(said))
        wish, answer, words, told = given
        lifeline, held = os.pipe()
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            os.close(lifeline)
            os.close(told)
            self._begin(parent, order, wish, answer, words)
        # Here too, so that it leads a group of its own before anybody wants to end that.
        with suppress(OSError):
            os.setpgid(pid, pid)
        for descriptor in (wish, answer, words, held):
            os.close(descriptor)
        self._jobs[lifeline] = _Job(pid, lifeline, socket.socket(fileno=told), time.monotonic() + order.seconds)
        self._control.sendall(TAKEN)
        return True

    def _begin(self, parent: int, order: Order, wish: int, answer: int, words: int) -> NoReturn:
        """The life of the forked process; it never comes back, nor does anything run that was left for the end of its parent."""
        status = CRASHED
        try:
            os.setpgid(0, 0)
            die_with(parent)
            for output in (1, 2):
                os.dup2(words, output)
            with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is wanted
                os.dup2(nothing.fileno(), self._control.fileno())
            for job in self._jobs.values():
                os.close(job.lifeline)
                os.close(job.told.detach())
            status = self._work(order, wish, answer)
        finally:
            os._exit(status)

    def _bury(self, job: _Job) -> None:
        job.kill()  # it may have let go of the lifeline without an end; its group is its own until it is waited for
        _, status = os.waitpid(job.pid, 0)
        os.close(job.lifeline)
        ending = Ending(os.waitstatus_to_exitcode(status), job.overdue)
        with job.told, suppress(OSError):  # nobody may be left to hear it
            job.told.sendall(json.dumps(asdict(ending)).encode())


def work(order: Order, wish: int, answer: int) -> int:
    """Do what is ordered within its bounds; how it went."""
    let_others_first(order.nice)
    leave_no_core()
    cap_memory(order.memory_mb)
    cap_processor(int(order.seconds) + 1)
    cap_files(order.file_mb)
    try:
        TASKS[order.task](wish, answer)
    except BaseException as error:  # whatever a library raises, one written in Rust too
        with suppress(OSError):
            traceback.print_exc()
        return _status(error)
    return DONE


def _status(error: BaseException) -> int:
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return _NO_SPACE[error.errno]
    return OUT_OF_MEMORY if isinstance(error, MemoryError) or is_out_of_memory(str(error)) else CRASHED


def main() -> None:
    """Serve until the process that started this one is gone."""
    os.umask(0o077)
    control = socket.socket(fileno=os.dup(0))
    gc.freeze()
    Reader(control, work).serve()


if __name__ == "__main__":
    main()
