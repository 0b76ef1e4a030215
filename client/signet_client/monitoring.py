"""How predictions fare: requests, errors and latencies, at a glance or step by step."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from signet_client.connection import Connection
from signet_client.traffic_types import Traffic, TrafficBy, TrafficSummary


class Monitoring:
    """The calls under `/v1/monitoring`."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call

    def summary(self, *, hours: int | None = None) -> TrafficSummary:
        """The last hours (a day where not said): all, each model and its versions, and each caller for those who keep subscribers."""
        asked = {"hours": hours} if hours is not None else {}
        return cast("TrafficSummary", self._call("GET", "/v1/monitoring/summary", params=asked))

    def traffic(
        self,
        *,
        model: str | None = None,
        version: str | None = None,
        protocol: str | None = None,
        caller: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        step: timedelta | None = None,
        by: TrafficBy | None = None,
    ) -> Traffic:
        """What fits, step by step: one line for all of it, or one for each model, version, protocol or caller (`by`).

        Times are aware; the last day where none are given. `step` is whole minutes. Callers are for those who keep subscribers.
        """
        asked = {
            "model": model,
            "version": version,
            "protocol": protocol,
            "caller": caller,
            "since": since.isoformat() if since else None,
            "until": until.isoformat() if until else None,
            "step": int(step.total_seconds()) if step else None,
            "by": by,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        return cast("Traffic", self._call("GET", "/v1/monitoring/traffic", params=given))
