"""A wall clock that is moved while the platform runs: every life of a certificate and a token hangs on it, so somebody must hear."""

import logging
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

_TOLERANCE_SECONDS = 5.0


class ClockWatch:
    """Compares the wall clock with one that cannot be set."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._began = wall() - steady()
        self._told = 0.0

    @property
    def step(self) -> float:
        """By how many seconds the wall clock was set forward (or back: negative) since this process began."""
        return self._wall() - self._steady() - self._began

    def check(self) -> None:
        """Tell the log of a step once."""
        step = self.step
        if abs(step - self._told) > _TOLERANCE_SECONDS:
            _log.error("the clock was moved by %.0f s: tokens and certificates are judged by it", step - self._told)
            self._told = step
