"""Predictions that were answered or refused: one call each comes in, sums by model, version, protocol, caller and status go out."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from backend.identity.principal import Principal
from backend.monitoring.latency import BUCKETS, bucket_of

PEOPLE, NOBODY, OTHER = "people", "nobody", "other"
UNKNOWN_MODEL = "unknown"
# More different sums than this at once are a mistake or an attack; what comes after is counted together.
MOST_AT_ONCE = 5000


class Series(NamedTuple):
    """What is summed together; `version` is empty where the request was refused before any version was asked."""

    model: str
    version: str
    protocol: str
    caller: str
    status: int


@dataclass(slots=True)
class Sums:
    """Requests, their rows, their seconds, and how many took how long."""

    count: int = 0
    rows: int = 0
    seconds: float = 0.0
    latency: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, other: "Sums") -> None:
        self.count += other.count
        self.rows += other.rows
        self.seconds += other.seconds
        self.latency = [a + b for a, b in zip(self.latency, other.latency, strict=True)]


class Traffic:
    """The sums of one process since they were last taken; safe to share between threads.

    `is_known` says whether there is a model of that name: callers write names as they like, and no name of theirs may become a series.
    """

    def __init__(self, is_known: Callable[[str], bool], *, most_at_once: int = MOST_AT_ONCE) -> None:
        self._is_known, self._most = is_known, most_at_once
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, str, str, str, int], Sums] = {}
        self._entered = self._left = 0

    def record(
        self,
        *,
        model: str,
        version: str | None,
        protocol: str,
        caller: Principal | None,
        rows: int,
        seconds: float,
        status: int,
    ) -> None:
        """One prediction request whose answer is ready, refused ones included; `version` is None where none was asked.

        `caller` is None where nobody was let in. Costs about a microsecond.
        """
        bucket = bucket_of(seconds)
        key = (model, version or "", protocol, caller_name(caller), status)
        with self._lock:
            sums = self._sums.get(key)
            if sums is None:
                sums = self._sums_of(key)
            sums.count += 1
            sums.rows += rows
            sums.seconds += seconds
            sums.latency[bucket] += 1

    def enter(self) -> None:
        """A request begins."""
        with self._lock:
            self._entered += 1

    def leave(self) -> None:
        """... and is over."""
        with self._lock:
            self._left += 1

    @property
    def in_flight(self) -> int:
        """Requests that have begun and are not over."""
        return self._entered - self._left

    def take(self) -> Mapping[Series, Sums]:
        """The sums since the last call."""
        with self._lock:
            taken, self._sums = self._sums, {}
        return {Series(*key): sums for key, sums in taken.items()}

    def _sums_of(self, key: tuple[str, str, str, str, int]) -> Sums:
        model, version, protocol, caller, status = key
        # What a version answered is a model of ours, whether an alias names it or not.
        if not version and not self._is_known(model):
            model = UNKNOWN_MODEL
        if len(self._sums) >= self._most:
            model, version, caller = OTHER, "", OTHER
        return self._sums.setdefault((model, version, protocol, caller, status), Sums())


def caller_name(caller: Principal | None) -> str:
    """How a caller is counted: each subscriber by its id, which outlives its name; people together, for nobody watches them work."""
    if caller is None:
        return NOBODY
    return PEOPLE if caller.kind == "person" else f"subscriber:{caller.id}"
