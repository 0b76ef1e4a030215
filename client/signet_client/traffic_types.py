"""The shapes of what the platform answers about its predictions."""

from __future__ import annotations

from typing import Literal, TypedDict

TrafficBy = Literal["model", "version", "protocol", "caller"]


class Figures(TypedDict):
    """What became of requests: `refused` by 4xx, `failed` by 5xx, `errors` both; latencies of the others in seconds."""

    requests: int
    refused: int
    failed: int
    errors: int
    rows: int
    p50: float | None
    p95: float | None
    p99: float | None


class TrafficPoint(Figures):
    """One step; `at` is when it begins."""

    at: str


class TrafficTotal(Figures):
    """`error_rate` is the share of errors, None without requests."""

    error_rate: float | None


class TrafficLine(TypedDict):
    """The steps of one model, version, protocol or caller; what lines are not told apart by is None."""

    model: str | None
    version: str | None
    protocol: str | None
    caller: str | None
    caller_name: str | None
    total: TrafficTotal
    points: list[TrafficPoint]


class Traffic(TypedDict):
    """`step` is in seconds; the busiest line comes first."""

    since: str
    until: str
    step: int
    lines: list[TrafficLine]


class VersionTraffic(TrafficTotal):
    """`version` is empty for what was refused before a version was asked."""

    version: str


class ModelTraffic(TrafficTotal):
    model: str
    versions: list[VersionTraffic]


class CallerTraffic(TrafficTotal):
    """`caller` is `subscriber:<id>`, `people` or `nobody`."""

    caller: str
    caller_name: str | None


class TrafficSummary(TypedDict):
    """`callers` is None for those who keep no subscribers."""

    since: str
    until: str
    total: TrafficTotal
    models: list[ModelTraffic]
    callers: list[CallerTraffic] | None
