"""What a process does again and again beside its requests: takes the sums that they left and hands them to those who keep them."""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from backend.monitoring.minutes import Minutes
from backend.monitoring.traffic import Series, Sums, Traffic

_log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
FLUSH_SECONDS = 5.0
_TIDY_SECONDS = 3600.0

Keeper = Callable[[Mapping[Series, Sums]], None]


class Pulse:
    """Of one process: a beat each second, into the database every few seconds, what is old tidied there every hour."""

    def __init__(
        self,
        traffic: Traffic,
        minutes: Minutes,
        days: int,
        keepers: Sequence[Keeper] = (),
        checks: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._traffic, self._minutes, self._days, self._checks = traffic, minutes, days, checks
        self._keepers = (minutes.add, *keepers)
        self._taking = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._flushed_at, self._tidied_at = time.monotonic(), -math.inf

    def start(self) -> None:
        """From now on, in a thread of this process (after a fork, not before)."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """No longer; what was counted so far is written."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.beat()

    def take(self) -> None:
        """Hand over what was counted up to this moment."""
        with self._taking:
            taken = self._traffic.take()
            for keep in self._keepers:
                keep(taken)
            for check in self._checks:
                check()

    def beat(self) -> None:
        """... and write it, so that whoever reads the database next finds it."""
        self.take()
        self._minutes.flush()

    def _run(self) -> None:
        while not self._stopping.wait(BEAT_SECONDS):
            try:
                self._once()
            except Exception:
                _log.exception("what was counted could not be kept")

    def _once(self) -> None:
        self.take()
        moment = time.monotonic()
        if moment >= self._flushed_at + FLUSH_SECONDS:
            self._flushed_at = moment
            self._minutes.flush()
        if moment >= self._tidied_at + _TIDY_SECONDS:
            self._tidied_at = moment
            self._minutes.tidy(self._days)
