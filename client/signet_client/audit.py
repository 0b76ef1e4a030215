"""The journal: who did what, when, to what, with what outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, cast

import httpx

from signet_client.connection import Connection
from signet_client.types import Event, Outcome, Verdict

# Computing every hash of a long journal anew takes a while.
VERIFY_TIMEOUT = httpx.Timeout(30.0, connect=5.0, read=300.0)


class Audit:
    """The calls under `/v1/audit`."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call
        self._stream = connection.stream

    def list(
        self,
        *,
        event: str | None = None,
        actor: str | None = None,
        target: str | None = None,
        outcome: Outcome | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """The newest events that fit; `before` is the position where an earlier answer ended. Times are aware."""
        asked = _question(event, actor, target, outcome, since, until) | {"before": before, "limit": limit}
        return cast("list[Event]", self._call("GET", "/v1/audit", params=_given(asked))["items"])

    def export(
        self,
        *,
        event: str | None = None,
        actor: str | None = None,
        target: str | None = None,
        outcome: Outcome | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Everything that fits as CSV, in pieces: `with signet.audit.export() as pieces: ...`."""
        asked = _question(event, actor, target, outcome, since, until) | {"format": "csv"}
        return self._stream("/v1/audit", params=_given(asked))

    def verify(self, *, position: int | None = None, hash: str | None = None) -> Verdict:  # noqa: A002
        """Whether the journal is what was written; `position` and `hash` are a head that was noted earlier."""
        known = _given({"position": position, "hash": hash})
        return cast("Verdict", self._call("GET", "/v1/audit/verify", params=known, timeout=VERIFY_TIMEOUT))


def _question(
    event: str | None,
    actor: str | None,
    target: str | None,
    outcome: str | None,
    since: datetime | None,
    until: datetime | None,
) -> dict[str, Any]:
    return {
        "event": event,
        "actor": actor,
        "target": target,
        "outcome": outcome,
        "since": since.isoformat() if since else None,
        "until": until.isoformat() if until else None,
    }


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in asked.items() if value is not None}
