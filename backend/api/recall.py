"""What was verified a moment ago need not be verified again: a credential comes in, what it proved goes out."""

import re
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection, Engine, event

from backend.database import now

_MOST = 10_000
# With fewer it is not worth while to look for those whose time is over.
_FEW = 256
# What only reads takes nothing from anybody.
_READING = frozenset({"SELECT", "PRAGMA"})
_WRITING = re.compile(
    r"\s*(?P<verb>UPDATE|DELETE\s+FROM|INSERT\s+INTO)\s+(?!(?:ONLY|OR)\b)\"?(?P<table>\w+)\"?\s", re.IGNORECASE
)


class Unremembered(Exception):
    """What a credential proves is not known, or is to be found out anew by whoever asks now."""


class Ending(Protocol):
    """What a credential proved, and until when at most."""

    @property
    def ends_at(self) -> datetime | None: ...


Proved = TypeVar("Proved", bound=Ending)


@dataclass
class _Known(Generic[Proved]):
    """What was proved, until when it is remembered, and when somebody should prove it anew before that."""

    proved: Proved
    ends: float
    renew: float
    is_due: bool = False


class Recall(Generic[Proved]):
    """The memory of one process: what each credential proved, for `seconds` and never past its own end.

    Only what was proved is kept: a refusal is found out anew each time, and ends what was proved before.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._known: dict[str, _Known[Proved]] = {}
        self._generation = 0
        self._most = _FEW

    def recall(self, credential: str, verify: Callable[[], Proved]) -> Proved:
        """What the credential proves, by memory or by `verify`, which raises where it is not good."""
        known = self._known.get(credential)
        if known is not None and self._clock() < known.ends:
            if not known.is_due:
                return known.proved
            known.is_due = False  # this call renews it; the others go on with what is remembered
        generation, begun = self._generation, self._clock()
        try:
            proved = verify()
        except Exception:
            self._forget_one(credential)
            raise
        left = self._seconds if proved.ends_at is None else (proved.ends_at - now()).total_seconds()
        lasts = min(self._seconds, left)
        self._keep(credential, _Known(proved, begun + lasts, begun + lasts / 2), generation)
        return proved

    def remembered(self, credential: str) -> Proved:
        """What the credential proves, by memory alone; Unremembered where that has to be found out by `recall`.

        Under a steady flow one call in each half of the time is sent to find out anew, so that the others never have to.
        """
        known, moment = self._known.get(credential), self._clock()
        if known is None or moment >= known.ends:
            raise Unremembered
        if moment >= known.renew:
            known.renew = moment + self._seconds / 2  # once, for a call that was sent may be a long one
            known.is_due = True
            raise Unremembered
        return known.proved

    def forget(self) -> None:
        """From now on everything is verified anew, even what is being verified at this moment."""
        with self._lock:
            self._generation += 1
            self._known.clear()

    def _forget_one(self, credential: str) -> None:
        """What was known of a credential that is refused now; nor is kept what others, who began before, still make of it."""
        with self._lock:
            if self._known.pop(credential, None) is not None:
                self._generation += 1

    def _keep(self, credential: str, known: _Known[Proved], generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return
            if len(self._known) >= self._most:
                self._make_room()
            self._known[credential] = known

    def _make_room(self) -> None:
        """Forget what has ended; the next look comes when there are twice as many as are left, so that looking costs little."""
        moment = self._clock()
        left = {credential: known for credential, known in self._known.items() if moment < known.ends}
        self._known = left if len(left) < _MOST else {}  # replaced at once: readers take no lock
        self._most = min(_MOST, max(_FEW, 2 * len(self._known)))


def forget_on_change(engine: Engine, recall: Recall[Any], tables: Collection[str]) -> None:
    """Whatever this process changes or removes in these tables is forgotten before anybody is told that it was done.

    They are the tables that `recall` was proved from. Others change all the time, at a stranger's wish too: each failed sign-in is a row.
    """

    changed = object()  # the mark, in this memory's own name, on a connection whose transaction changes something

    def note(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if _may_change(statement, tables) and not _found_nothing(cursor, statement):
            connection.info[changed] = True

    def spread(_connection: Any, record: Any) -> None:
        # The transaction is over, and its connection goes back to the pool.
        if record.info.pop(changed, False):
            recall.forget()

    event.listen(engine, "after_cursor_execute", note)
    event.listen(engine, "checkin", spread)


def _may_change(statement: str, tables: Collection[str]) -> bool:
    """Whether the statement may take something from a row of these tables; where it is not plain what it does, it may."""
    if statement.lstrip()[:6].upper() in _READING:
        return False
    writing = _WRITING.match(statement)
    if writing is None:
        return True
    # A row that is only added takes nothing from anybody.
    is_added = writing["verb"][:6].upper() == "INSERT" and "CONFLICT" not in statement.upper()
    return not is_added and writing["table"].lower() in tables


def _found_nothing(cursor: Any, statement: str) -> bool:
    """Whether there was no row to change; of one that returns rows, that is not yet known."""
    return cursor.rowcount == 0 and "RETURNING" not in statement.upper()
