"""Who is signed in: the handle in a browser's cookie comes in, the person and a client in their name go out.

The API keeps the sessions. Here is only what it said a moment ago: a restart of the web app loses nothing, and what the API ends is over
here within seconds, at the next call of a page at once. Tokens never leave this process's memory.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from frontend import upstream
from signet_client import NotReady, ServerFault, Signet, Tokens, Unreachable
from signet_client.session_types import WebSession
from signet_client.types import Person

# For so long the API's last word is believed without asking again.
FRESH_SECONDS = 5.0
# So often the API is told that the person is doing something.
NOTED_EVERY_SECONDS = 60.0
# While the API does not answer, pages go on with what they knew, and say so themselves.
UNANSWERED_SECONDS = 300.0
_MOST = 1000


@dataclass(frozen=True)
class Visitor:
    """A browser: the handle in its cookie (empty where it has none), what it calls itself, from where it comes."""

    handle: str = field(default="", repr=False)
    agent: str = ""
    address: str | None = None


@dataclass(frozen=True)
class SignedIn:
    """One session as the API described it: the person, and the client that calls in their name."""

    person: Person
    session_id: str
    signet: Signet = field(repr=False)
    agent: str
    asked_at: float
    noted_at: float


class Sessions:
    """What this process knows of sessions, by the hash of their handle."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, SignedIn] = {}
        self._untold: set[str] = set()
        self._ends = 0

    def find(self, visitor: Visitor, *, active: bool = False) -> SignedIn | None:
        """The live session of the browser; `active` says that the person did something, which puts off the idle end.

        Raises a SignetError where the API cannot say.
        """
        if not visitor.handle:
            return None
        if digest(visitor.handle) in self._untold:
            self.end(visitor)
            return None
        known, now = self.recall(visitor), self._clock()
        idle = active and (known is None or now - known.noted_at > NOTED_EVERY_SECONDS)
        if known is not None and now - known.asked_at <= FRESH_SECONDS and not idle:
            return known
        return self._asked(visitor, known, noted=idle)

    def recall(self, visitor: Visitor) -> SignedIn | None:
        """What the API said last of this browser's session."""
        known = self._known.get(digest(visitor.handle))
        return known if known is not None and known.agent == visitor.agent else None

    def forget(self, handle: str) -> None:
        """Ask the API again the next time."""
        with self._lock:
            self._ends += 1
            self._known.pop(digest(handle), None)

    def end(self, visitor: Visitor) -> None:
        """End the session everywhere and at once.

        Raises a SignetError where the API could not be told; here it is over all the same, and the API is told when it can be.
        """
        if not visitor.handle:
            return
        self.forget(visitor.handle)
        self._untold.add(digest(visitor.handle))
        upstream.platform().web_sessions.end(visitor.handle)
        self._untold.discard(digest(visitor.handle))

    def _asked(self, visitor: Visitor, known: SignedIn | None, *, noted: bool) -> SignedIn | None:
        ends, now = self._ends, self._clock()
        try:
            found = upstream.platform().web_sessions.resume(visitor.handle, agent=visitor.agent, active=noted)
        except (Unreachable, NotReady, ServerFault):
            if known is not None and now - known.asked_at <= UNANSWERED_SECONDS:
                return known
            raise
        if found is None:
            self.forget(visitor.handle)
            return None
        noted_at = now if noted or known is None else known.noted_at
        entry = self._entry(visitor, found, now, noted_at)
        with self._lock:
            # What was ended while the API answered stays ended.
            if ends == self._ends:
                self._keep(visitor, entry)
        return entry

    def _entry(self, visitor: Visitor, found: WebSession, now: float, noted_at: float) -> SignedIn:
        tokens = Tokens(found["access_token"], expires_at=time.time() + found["expires_in"])
        signet = upstream.platform().with_tokens(tokens, headers=upstream.browser_headers(visitor.address))
        return SignedIn(found["person"], found["session_id"], signet, visitor.agent, now, noted_at)

    def _keep(self, visitor: Visitor, entry: SignedIn) -> None:
        if len(self._known) >= _MOST:
            late = entry.asked_at - UNANSWERED_SECONDS
            self._known = {key: each for key, each in self._known.items() if each.asked_at > late}
        self._known[digest(visitor.handle)] = entry


def digest(secret: str) -> str:
    """What stands for a handle wherever it is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


SESSIONS = Sessions()
