"""Who is signed in, kept in this process: an opaque handle in the browser's cookie leads to tokens that never leave memory.

The store keeps only hashes of handles and codes, so that nothing it holds can be replayed. It is small and stands behind four
verbs, because a store that the API keeps (and that survives a restart of this process) has the same four.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from signet_client import Signet
from signet_client.types import Person

CODE_SECONDS = 30.0
IDLE_SECONDS = 30 * 60.0
LIFE_SECONDS = 12 * 3600.0


@dataclass
class SignedIn:
    """One sign-in: the person and the client that holds their tokens."""

    person: Person
    signet: Signet = field(repr=False)
    began_at: float
    seen_at: float

    def is_over(self, now: float) -> bool:
        return now - self.began_at > LIFE_SECONDS or now - self.seen_at > IDLE_SECONDS


class Sessions:
    """All sign-ins of this process, by the hash of their handle."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, SignedIn] = {}
        self._live: dict[str, SignedIn] = {}

    def admit(self, person: Person, signet: Signet) -> str:
        """A code, good once and for 30 seconds, that the browser exchanges for the handle of a new session."""
        code, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._sweep(now)
            self._waiting[digest(code)] = SignedIn(person, signet, began_at=now, seen_at=now)
        return code

    def exchange(self, code: str) -> str | None:
        """The handle for a code; None where the code is unknown, used or late."""
        with self._lock:
            entry = self._waiting.pop(digest(code), None)
            if entry is None or self._clock() - entry.began_at > CODE_SECONDS:
                return None
            handle = secrets.token_urlsafe(32)
            self._live[digest(handle)] = entry
            return handle

    def find(self, handle: str | None, *, active: bool = False) -> SignedIn | None:
        """The live session of a handle; `active` says that the person did something, which puts off the idle end."""
        if not handle:
            return None
        with self._lock:
            entry, now = self._live.get(digest(handle)), self._clock()
            if entry is None or entry.is_over(now):
                self._live.pop(digest(handle), None)
                return None
            if active:
                entry.seen_at = now
            return entry

    def end(self, handle: str | None) -> SignedIn | None:
        """Forget the session; what it was, so that its tokens can be revoked."""
        with self._lock:
            return self._live.pop(digest(handle), None) if handle else None

    def _sweep(self, now: float) -> None:
        self._live = {key: entry for key, entry in self._live.items() if not entry.is_over(now)}
        self._waiting = {key: entry for key, entry in self._waiting.items() if now - entry.began_at <= CODE_SECONDS}


def digest(secret: str) -> str:
    """What stands for a handle or code wherever it is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


SESSIONS = Sessions()
