"""Requests that were answered come in and wait; a thread of its own tells them to the log and to whoever follows traces."""

import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple

from backend.identity.principal import Principal
from backend.monitoring.trace import Trace

_log = logging.getLogger(__name__)

# More than this waits only where the log is written more slowly than requests come; what comes then is not told.
MOST_WAITING = 20_000
# Woken for each request, the thread would take the processor from the next one.
_PAUSE_SECONDS = 0.05
# For as long as it works on so many, requests may wait; then it rests. To give up the interpreter's lock is not enough: where both threads have one
# processor, it would have it back before anybody else has run.
_AT_ONCE, _REST_SECONDS = 40, 0.001


class Exchange(NamedTuple):
    """One request and its answer, without anything of their bodies; `route` is the template, never what stood in the address.

    `at` is when the answer was ready (seconds since 1970), `seconds` how long it took, `received` and `sent` are bytes of bodies (-1: not
    known), `model` and `version` are those that were asked, where any was.
    """

    at: float
    seconds: float
    request_id: str
    trace: Trace
    method: str
    route: str
    status: int
    caller: Principal | None
    model: str
    version: str
    received: int
    sent: int


Listener = Callable[[Sequence[Exchange]], None]


class Teller:
    """Of one process: `tell` costs well under a microsecond and never waits; what is told before `start` is told to nobody."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        closing: Sequence[Callable[[], None]] = (),
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._listeners, self._closing, self._most = listeners, closing, most_waiting
        self._waiting: SimpleQueue[Exchange | None] = SimpleQueue()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def tell(self, exchange: Exchange) -> None:
        """This request was answered."""
        if self._thread is None:
            return
        if self._waiting.qsize() >= self._most:
            self.dropped += 1
            return
        self._waiting.put(exchange)

    def start(self) -> None:
        """From now on, in a thread of this process (after a fork, not before)."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="teller", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Everything that waits is told, then whoever was told is closed."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            self._ending.set()
            thread.join(timeout=10)
            for close in self._closing:
                close()

    def _run(self) -> None:
        going_on = True
        while going_on:
            exchanges = self._some()
            going_on = exchanges[-1] is not None
            told = [exchange for exchange in exchanges if exchange is not None]
            for listen in self._listeners:
                self._hand(listen, told)
            self._ending.wait(_PAUSE_SECONDS if len(exchanges) < _AT_ONCE else _REST_SECONDS)

    def _some(self) -> list[Exchange | None]:
        """Waits for one, and takes some that wait with it."""
        found = [self._waiting.get()]
        try:
            while found[-1] is not None and len(found) < _AT_ONCE:
                found.append(self._waiting.get_nowait())
        except Empty:
            pass
        return found

    @staticmethod
    def _hand(listen: Listener, told: list[Exchange]) -> None:
        try:
            if told:
                listen(told)
        except Exception:
            _log.exception("%s requests could not be told", len(told))
