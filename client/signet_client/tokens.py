"""A person's tokens, renewed at most once at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

EARLY_SECONDS = 10.0


@dataclass(frozen=True)
class Tokens:
    """What a sign-in returns; neither token shows in logs or tracebacks. `expires_at` is Unix time."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    expires_at: float | None = None

    @property
    def is_expiring(self) -> bool:
        return self.expires_at is not None and time.time() > self.expires_at - EARLY_SECONDS


class TokenBox:
    """The tokens of one session, shared by every thread that calls for it.

    A refresh token works once and a second use ends the session, so renewing is a critical section: whoever comes second finds
    the new tokens instead of spending the old one again.
    """

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()

    @property
    def tokens(self) -> Tokens | None:
        return self._tokens

    def replace(self, tokens: Tokens | None) -> None:
        with self._lock:
            self._tokens = tokens

    def renew(self, stale: Tokens, fetch: Callable[[str], Tokens]) -> Tokens | None:
        """The tokens that follow `stale`; None where there is no refresh token. Errors of `fetch` pass through."""
        with self._lock:
            if self._tokens is not stale:
                return self._tokens
            if stale.refresh is None:
                return None
            self._tokens = fetch(stale.refresh)
            return self._tokens
