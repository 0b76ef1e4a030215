"""What keeps a flood of refusals from filling the disk: equal ones of a minute come in, two of them go out."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from backend.audit.events import Note
from backend.database import now

WINDOW_SECONDS = 60.0
# Different refusals of one caller within a window that are told one by one; all unknown callers are one.
MOST_OF_ONE_CALLER = 100

_Kind = tuple[str, ...]


@dataclass
class _Told:
    """A kind of refusal in this window: what was written of it, or what stands for it, and how many more there were."""

    note: Note
    more: int = 0


class Floods:
    """Refusals of one process: the first of a kind is told at once, the others of its minute by one note with their number."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[_Kind, _Told] = {}
        self._callers: Counter[str] = Counter()
        self._ends_at = 0.0

    def admit(self, note: Note) -> list[Note]:
        """What is to be written now that this refusal came: itself where it is the first of its kind, and ended minutes."""
        with self._lock:
            due = self._take_due()
            if not self._told:
                self._ends_at = self._clock() + WINDOW_SECONDS
            told = self._told.get(_kind(note))
            if told is not None:
                told.more += 1
            elif self._callers[note.actor] < MOST_OF_ONE_CALLER:
                self._callers[note.actor] += 1
                self._told[_kind(note)] = _Told(note)
                due.append(note)
            else:
                self._count_with_others(note)
            return due

    def due(self, *, ended: bool = False) -> list[Note]:
        """The numbers of a minute that is over; with `ended`, those of the minute under way too."""
        if not ended and self._clock() < self._ends_at:
            return []
        with self._lock:
            return self._take_due(ended=ended)

    def _count_with_others(self, note: Note) -> None:
        """One more of a caller who was refused in too many ways to tell them all."""
        others = replace(note, target="", address="", request_id="", details={"kinds": f"over {MOST_OF_ONE_CALLER}"})
        self._told.setdefault(_kind(others), _Told(others)).more += 1

    def _take_due(self, *, ended: bool = False) -> list[Note]:
        if not ended and self._clock() < self._ends_at:
            return []
        told, self._told, self._callers = self._told, {}, Counter()
        moment = now()
        return [
            replace(one.note, at=moment, request_id="", details={**one.note.details, "repeated": one.more})
            for one in told.values()
            if one.more
        ]


def _kind(note: Note) -> _Kind:
    details = json.dumps(note.details, sort_keys=True)
    return (note.event, note.actor, note.target, note.outcome, note.address, details)
