"""Holds one job while it is worked on: renews the lease, shows the progress, and interrupts the work when it must end."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from backend.training import lease

BEAT_SECONDS = 0.5

_log = logging.getLogger("signet.training")

# Enters a database session of the calling thread, and commits when it is left without an error.
Transaction = Callable[[], AbstractContextManager[object]]


class Ended(Exception):
    """The work has to end; `reason` is `stopped` (the worker ends), `cancelled` or `lost`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Keeper:
    """A thread that beats twice a second for as long as the context is open.

    A database that does not answer is no reason to end: whoever else claims the job meanwhile makes the next beat end the work.
    """

    def __init__(self, transaction: Transaction, job_id: str, owner: str) -> None:
        self._transaction, self._job_id, self._owner = transaction, job_id, owner
        self._closed = threading.Event()
        self._ended = threading.Event()
        self._reason = ""
        self._interrupt: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._run, name=f"keeper of {job_id}", daemon=True)
        self.step, self.progress = "starting", 0.0
        # From here on a cancellation may come too late: whoever works says so, and writes the end.
        self.is_late = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()

    def interrupting(self, interrupt: Callable[[], None] | None) -> None:
        """What ends the present work from outside; called at once where it has to end already."""
        self._interrupt = interrupt
        if self._ended.is_set() and interrupt:
            interrupt()

    def end(self, reason: str) -> None:
        """Interrupt the work, from any thread; the first reason stands."""
        self._reason = self._reason or reason
        self._ended.set()
        if interrupt := self._interrupt:
            interrupt()

    def verify(self) -> None:
        """Raise Ended where the work has to end."""
        if self._ended.is_set():
            raise Ended(self._reason)

    def wait(self, seconds: float) -> None:
        """Let time pass; raises Ended as soon as the work has to end."""
        self._ended.wait(seconds)
        self.verify()

    def _run(self) -> None:
        while not self._closed.is_set() and not self._ended.is_set():
            try:
                self._beat()
            except lease.LeaseLost:
                _log.info("job %s is not held any more", self._job_id)
                self.end("lost")
            except SQLAlchemyError as error:
                _log.warning("the database does not answer: %s", error)
            self._closed.wait(BEAT_SECONDS)

    def _beat(self) -> None:
        with self._transaction():
            is_cancelled = lease.renew(self._job_id, self._owner, step=self.step, progress=self.progress)
        if is_cancelled and not self._closed.is_set():
            self.end("cancelled")
            if self.is_late:
                return
            with self._transaction():
                lease.finish(self._job_id, self._owner, "cancelled", step="cancelled")
