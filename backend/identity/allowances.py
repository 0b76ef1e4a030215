"""What a subscriber may still do: requests in a minute, predictions in a day, right over threads, processes and machines.

The database says how many units of a window are given out and never gives out more than the limit. A process takes a hundredth of the
limit at a time (at most 100 units) and spends it from memory, so that hardly a request waits for the database. What a process took and
did not spend is lost when it ends: at most that hundredth. What it holds for many subscribers is bounded: it forgets windows that are
over, and gives back what it has of others.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from backend.errors import TooManyRequests

_MOST_AT_ONCE = 100
_MOST_PURSES = 10_000  # some 4 MB

# One statement decides. A window only ever moves on, so a clock that is behind counts in the window that others are in already.
_TAKE = text("""
    INSERT INTO allowances (subscriber_id, period, starts_at, taken) VALUES (:subscriber, :period, :starts_at, :units)
    ON CONFLICT (subscriber_id, period) DO UPDATE SET
        taken = CASE WHEN allowances.starts_at < excluded.starts_at THEN excluded.taken
                     ELSE allowances.taken + excluded.taken END,
        starts_at = CASE WHEN allowances.starts_at < excluded.starts_at THEN excluded.starts_at
                         ELSE allowances.starts_at END
    WHERE allowances.starts_at < excluded.starts_at OR allowances.taken + excluded.taken <= :most
""")
# Only to the window that it was taken from.
_GIVE_BACK = text("""
    UPDATE allowances SET taken = taken - :units
    WHERE subscriber_id = :subscriber AND period = :period AND starts_at = :starts_at
""")


@dataclass(frozen=True)
class Period:
    """A window of a fixed length, counted from the beginning of 1970 (so a day is a day of UTC)."""

    name: str
    seconds: int
    unit: str


MINUTE = Period("minute", 60, "requests a minute")
DAY = Period("day", 24 * 3600, "predictions a day")
TOKENS = Period("tokens", 60, "tokens a minute")


@dataclass
class _Purse:
    """What this process took of one subscriber's window and has not spent."""

    period: Period
    lock: threading.Lock = field(default_factory=threading.Lock)
    starts_at: int = 0
    most: int = 0
    left: int = 0
    portion: int = 0  # how much is taken next; 0 where nothing is left to take

    def begin(self, starts_at: int, most: int) -> None:
        self.starts_at, self.most, self.left = starts_at, most, 0
        self.portion = max(1, min(most // 100, _MOST_AT_ONCE))

    def is_over(self, moment: float) -> bool:
        return moment >= self.starts_at + self.period.seconds

    def empty(self) -> tuple[int, int]:
        """Of which window, and how much, was left: it is no longer here."""
        with self.lock:
            left, self.left = self.left, 0
            return self.starts_at, left


class Allowances:
    """The units that this process took and has not spent."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine, self._clock = engine, clock
        self._purses: dict[tuple[str, str], _Purse] = {}
        self._lock = threading.Lock()

    def spend(self, subscriber_id: str, period: Period, most: int) -> None:
        """One unit of this window, of which there are `most`; TooManyRequests says when the next window begins."""
        purse = self._purse(subscriber_id, period)
        with purse.lock:
            # A clock that is put back must not give a window a second time.
            starts_at = max(int(self._clock()) // period.seconds * period.seconds, purse.starts_at)
            if (purse.starts_at, purse.most) != (starts_at, most):
                purse.begin(starts_at, most)
            while purse.left == 0 and purse.portion > 0:
                self._fill(purse, subscriber_id, period)
            if purse.left == 0:
                raise self._used_up(purse, period)
            purse.left -= 1

    def spend_held(self, subscriber_id: str, wishes: Sequence[tuple[Period, int]]) -> bool:
        """One unit of each of these windows, from what this process holds of them, without a wait and without the database.

        False, and nothing spent, where it holds too little or another thread is at it: `spend` then decides.
        """
        locked: list[_Purse] = []
        try:
            for period, most in wishes:
                purse = self._purses.get((subscriber_id, period.name))
                if purse is None or not purse.lock.acquire(blocking=False):
                    return False
                locked.append(purse)
                starts_at = max(int(self._clock()) // period.seconds * period.seconds, purse.starts_at)
                if (purse.starts_at, purse.most) != (starts_at, most) or purse.left == 0:
                    return False
            for purse in locked:
                purse.left -= 1
            return True
        finally:
            for purse in locked:
                purse.lock.release()

    def _purse(self, subscriber_id: str, period: Period) -> _Purse:
        """What this process has of the window; where it holds very many, it lets go of others."""
        key, let_go = (subscriber_id, period.name), []
        with self._lock:
            if key not in self._purses and len(self._purses) >= _MOST_PURSES:
                let_go = self._let_go()
            purse = self._purses.setdefault(key, _Purse(period))
        self._give_back(let_go)
        return purse

    def _let_go(self) -> list[tuple[str, _Purse]]:
        """Take windows that are over out of memory, and as many others, the oldest first, as makes it a quarter: these go out."""
        moment, most_kept = self._clock(), _MOST_PURSES * 3 // 4
        going_on = [(key, purse) for key, purse in self._purses.items() if not purse.is_over(moment)]
        self._purses = dict(going_on[-most_kept:])
        return [(subscriber_id, purse) for (subscriber_id, _), purse in going_on[:-most_kept]]

    def _give_back(self, let_go: Sequence[tuple[str, _Purse]]) -> None:
        """What is left in these is anybody's again. A thread that is about to spend from one finds it empty, and takes anew."""
        units: list[dict[str, object]] = []
        for subscriber_id, purse in let_go:
            starts_at, left = purse.empty()
            if left:
                window = {"subscriber": subscriber_id, "period": purse.period.name, "starts_at": starts_at}
                units.append({**window, "units": left})
        if units:
            with self._engine.begin() as connection:
                connection.execute(_GIVE_BACK, units)

    def _fill(self, purse: _Purse, subscriber_id: str, period: Period) -> None:
        if self._take(purse, subscriber_id, period):
            purse.left = purse.portion
        else:
            # The last units are taken one by one; then nothing is left for as long as the window lasts.
            purse.portion = 1 if purse.portion > 1 else 0

    def _take(self, purse: _Purse, subscriber_id: str, period: Period) -> bool:
        wish = {
            "subscriber": subscriber_id,
            "period": period.name,
            "starts_at": purse.starts_at,
            "units": purse.portion,
            "most": purse.most,
        }
        try:
            # Apart from the request's own transaction: what was used stays used whatever becomes of the request.
            with self._engine.begin() as connection:
                return connection.execute(_TAKE, wish).rowcount == 1
        except IntegrityError:
            return False  # the subscriber was removed a moment ago

    def _used_up(self, purse: _Purse, period: Period) -> TooManyRequests:
        seconds = max(1, math.ceil(purse.starts_at + period.seconds - self._clock()))
        return TooManyRequests(
            f"This subscriber may make {purse.most} {period.unit}. Try again in {seconds} s.", retry_after=seconds
        )
