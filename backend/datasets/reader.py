"""The reader: `python -m backend.datasets.reader`, which reads each file that strangers made in a process of its own.

A crafted file can make a library ask for all memory, loop, or end its process. So this process reads nothing itself: for each file
it forks one that does, with all libraries loaded already and no trace of any file before it. One such process waits ready, because to
fork it and to touch its memory takes longer than to read a small file. Orders come on standard input, a Unix socket, one at a time:

- one line of JSON: the fields of `Order`;
- with it four descriptors: the wish, a place for the answer, one for what libraries say, and a socket on which to tell
  the end.

The process that has the order tells a good end itself, this one any other. A byte says that the order is taken. When the
socket closes, everything ends.
"""

import gc
import json
import math
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from backend.datasets.reader_job import live
from backend.datasets.reader_words import DESCRIPTORS, LONGEST_ORDER, TAKEN, Ending, Order


@dataclass
class _Job:
    """A forked process, ready for its order or with it; its `lifeline` can be read from once it is gone."""

    pid: int
    lifeline: int
    orders: socket.socket
    told: socket.socket | None = None
    ends_at: float = math.inf
    overdue: bool = False

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of all that connects with it."""
        os.close(self.lifeline)
        self.orders.close()
        if self.told is not None:
            self.told.close()


class Reader:
    """The process that is forked for each file; `live` is the life of the fork, from the socket on which its order comes."""

    def __init__(self, control: socket.socket, live: Callable[[int, socket.socket], None]) -> None:
        self._control, self._live = control, live
        self._spare: _Job | None = None
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
        self._spare = self._spare or self._fork()
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
        ends = min((job.ends_at for job in self._jobs.values() if not job.overdue), default=math.inf)
        return None if math.isinf(ends) else max(0.0, ends - time.monotonic())

    def _take(self) -> bool:
        """Hand an order on; whether there was one."""
        said, given, _, _ = socket.recv_fds(self._control, LONGEST_ORDER, DESCRIPTORS)
        if not said or len(given) != DESCRIPTORS:
            return False
        job = self._spare or self._fork()
        self._spare = None
        job.told = socket.socket(fileno=os.dup(given[-1]))
        job.ends_at = time.monotonic() + Order(**json.loads(said)).seconds
        with suppress(ConnectionError):  # it has died meanwhile, as its lifeline tells
            socket.send_fds(job.orders, [said], given)
        for descriptor in given:
            os.close(descriptor)
        self._control.sendall(TAKEN)
        return True

    def _fork(self) -> _Job:
        lifeline, held = os.pipe()
        ours, theirs = socket.socketpair()
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            _become(lifeline, [self._control, ours], self._jobs.values())
            self._live(parent, theirs)
            os._exit(0)
        # Here too, so that it leads a group of its own before anybody wants to end that.
        with suppress(OSError):
            os.setpgid(pid, pid)
        os.close(held)
        theirs.close()
        job = self._jobs[lifeline] = _Job(pid, lifeline, ours)
        return job

    def _bury(self, job: _Job) -> None:
        job.kill()  # it may have let go of the lifeline without an end; its group is its own until it is waited for
        _, status = os.waitpid(job.pid, 0)
        if self._spare is job:
            self._spare = None
        if job.told is not None:
            with suppress(OSError):  # nobody may be left to hear it
                job.told.sendall(Ending(os.waitstatus_to_exitcode(status), job.overdue).written())
        job.close()


def _become(lifeline: int, sockets: list[socket.socket], jobs: Iterable[_Job]) -> None:
    """Keep nothing open in a fork by which it could speak for its parent or hold on to another's end."""
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is wanted
        os.dup2(nothing.fileno(), 0)
    os.close(lifeline)
    for each in sockets:
        each.close()
    for job in jobs:
        job.close()


def main() -> None:
    """Serve until the process that started this one is gone."""
    os.umask(0o077)
    control = socket.socket(fileno=os.dup(0))
    gc.freeze()
    Reader(control, live).serve()


if __name__ == "__main__":
    main()
