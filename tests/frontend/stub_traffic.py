"""The part of the platform in memory that has counted predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

BY = ("model", "version", "protocol", "caller")


def figures(requests: int, refused: int = 0, failed: int = 0, p95: float | None = 0.004) -> dict[str, Any]:
    errors = refused + failed
    slow = p95 if requests > errors else None
    rest = {"p50": slow and slow / 2, "p95": slow, "p99": slow and slow * 2}
    return {"requests": requests, "refused": refused, "failed": failed, "errors": errors, "rows": requests * 3, **rest}


def total(*numbers: Any) -> dict[str, Any]:
    found = figures(*numbers)
    return {**found, "error_rate": found["errors"] / found["requests"] if found["requests"] else None}


# One row each: model, version, caller, its name, and figures.
SEEN: list[tuple[str, str, str, str | None, tuple[Any, ...]]] = [
    ("titanic", "1", "subscriber:s-1", "billing", (900, 9, 1)),
    ("titanic", "2", "people", None, (90, 0, 0, 0.00008)),
    ("iris", "1", "subscriber:0a1b2c3d4e", None, (6, 0, 0, 2.5)),
    ("titanic", "", "nobody", None, (4, 4)),
]


@dataclass
class Counted:
    """What was asked of models, and which questions were put about it."""

    seen: list[tuple[str, str, str, str | None, tuple[Any, ...]]] = field(default_factory=lambda: list(SEEN))
    asked: list[dict[str, str]] = field(default_factory=list)

    def summary(self, may_see_callers: bool) -> dict[str, Any]:  # noqa: FBT001
        models = {row[0]: [each for each in self.seen if each[0] == row[0]] for row in self.seen}
        return {
            **_span(),
            "total": _sum(self.seen),
            "models": [
                {"model": name, **_sum(rows), "versions": [{"version": row[1], **_sum([row])} for row in rows]}
                for name, rows in models.items()
            ],
            "callers": [{"caller": row[2], "caller_name": row[3], **_sum([row])} for row in self.seen]
            if may_see_callers
            else None,
        }

    def traffic(self, query: dict[str, str]) -> dict[str, Any]:
        self.asked.append(query)
        asked = [(n, query[name]) for n, name in ((0, "model"), (1, "version"), (2, "caller")) if name in query]
        fitting = [row for row in self.seen if all(row[n] == value for n, value in asked)]
        by = query.get("by")
        if by is None:
            return {**_span(), "step": 900, "lines": [_line(fitting)]}
        groups: dict[tuple[str, ...], list[Any]] = {}
        for row in fitting:
            groups.setdefault(row[:2] if by == "version" else row[0:1] if by == "model" else row[2:3], []).append(row)
        return {**_span(), "step": 900, "lines": [_line(rows, by) for rows in groups.values()]}


def _span() -> dict[str, str]:
    now = datetime.now(UTC)
    return {"since": (now - timedelta(days=1)).isoformat(), "until": now.isoformat()}


def _sum(rows: list[Any]) -> dict[str, Any]:
    each = [total(*row[4]) for row in rows]
    together = [sum(one[name] for one in each) for name in ("requests", "refused", "failed")]
    return total(*together, each[0]["p95"] if each else None)


def _line(rows: list[Any], by: str | None = None) -> dict[str, Any]:
    model, version, caller, name = (rows or [("", "", "", None)])[0][:4]
    known = {"model": model, "version": version, "caller": caller}
    told = {"model", "version"} if by == "version" else {by}
    found = _sum(rows)
    now = datetime.now(UTC)
    # One step with everything, and one in which nothing was asked.
    points = [
        {"at": (now - timedelta(minutes=30)).isoformat(), **{k: v for k, v in found.items() if k != "error_rate"}},
        {"at": (now - timedelta(minutes=15)).isoformat(), **figures(0)},
    ]
    keys = {key: known.get(key) if key in told else None for key in BY}
    return {**keys, "caller_name": name if by == "caller" else None, "total": found, "points": points}


def read_summary(stub: Any, request: httpx.Request) -> httpx.Response:
    may = stub.role(request) in {"admin", "manager"}
    return httpx.Response(200, json=stub.traffic.summary(may))


def read_traffic(stub: Any, request: httpx.Request) -> httpx.Response:
    query = dict(request.url.params)
    if "caller" in {query.get("by")} | set(query) and stub.role(request) not in {"admin", "manager"}:
        return httpx.Response(403, json={"code": "forbidden", "detail": "Callers are for managers."})
    return httpx.Response(200, json=stub.traffic.traffic(query))


TRAFFIC_ROUTES: dict[str, Callable[..., httpx.Response]] = {
    "GET /v1/monitoring/summary": read_summary,
    "GET /v1/monitoring/traffic": read_traffic,
}
