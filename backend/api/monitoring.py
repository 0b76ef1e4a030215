"""How predictions fare: the last day at a glance, and any span of time step by step."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, Field

from backend.api.platform import Platform
from backend.api.routing import Answer, Endpoints, Query
from backend.database import now
from backend.identity.principal import Permission, Principal
from backend.identity.subscribers import list_subscribers
from backend.monitoring import history
from backend.monitoring.history import By, Figures, Line

endpoints = Endpoints("Monitoring")

_MOST_LINES = 50
_NAME = r"^[A-Za-z0-9._:-]{0,64}$"
_SECONDS = "Seconds; of the requests that succeeded; null where there were none"


class TrafficQuery(Query):
    model: str | None = Field(None, pattern=_NAME)
    version: str | None = Field(None, pattern=_NAME, description="Empty: what was refused before a version was asked")
    protocol: str | None = Field(None, pattern=_NAME, description="`native`, `open-inference` or `mlflow`")
    caller: str | None = Field(None, pattern=_NAME, description="`subscriber:<id>`, `people` or `nobody`; for managers")
    since: AwareDatetime | None = Field(None, description="A day before `until` where absent")
    until: AwareDatetime | None = Field(None, description="This moment where absent; itself not included")
    step: int | None = Field(
        None,
        ge=60,
        le=366 * 24 * 3600,
        multiple_of=60,
        description="Seconds, whole minutes; about 100 steps where absent. Older than two days, hours are known",
    )
    by: By | None = Field(None, description="A line for each of these instead of one for all; `caller` is for managers")


class SummaryQuery(Query):
    hours: int = Field(24, ge=1, le=24 * 366)


class FiguresAnswer(Answer):
    requests: int
    refused: int = Field(description="Answered with 4xx: what the caller sent, or the caller itself")
    failed: int = Field(description="Answered with 5xx: a fault of the platform")
    errors: int = Field(description="`refused` and `failed` together")
    rows: int
    p50: float | None = Field(description=_SECONDS)
    p95: float | None = Field(description=_SECONDS)
    p99: float | None = Field(description=_SECONDS)


class PointAnswer(FiguresAnswer):
    at: datetime = Field(description="When the step begins")


class TotalAnswer(FiguresAnswer):
    error_rate: float | None = Field(description="`errors` of `requests`, 0 to 1; null without requests")


class LineAnswer(Answer):
    model: str | None = Field(description="Where lines are told apart by model or version")
    version: str | None = Field(description="Where they are told apart by version; empty for what asked no version")
    protocol: str | None
    caller: str | None
    caller_name: str | None = Field(description="A subscriber's present name")
    total: TotalAnswer
    points: list[PointAnswer]


class TrafficAnswer(Answer):
    since: datetime
    until: datetime
    step: int
    lines: list[LineAnswer] = Field(description=f"The busiest first, {_MOST_LINES} at most")


class VersionSummary(TotalAnswer):
    version: str


class ModelSummary(TotalAnswer):
    model: str
    versions: list[VersionSummary]


class CallerSummary(TotalAnswer):
    caller: str
    caller_name: str | None


class SummaryAnswer(Answer):
    since: datetime
    until: datetime
    total: TotalAnswer
    models: list[ModelSummary] = Field(description="The busiest first")
    callers: list[CallerSummary] | None = Field(description="The busiest first; null for those who keep no subscribers")


@endpoints.get("/v1/monitoring/traffic", access=Permission.READ_TRAFFIC, answer=TrafficAnswer)
def read_traffic(query: TrafficQuery, actor: Principal, platform: Platform) -> dict[str, Any]:
    """Predictions step by step: requests, errors and latencies, by model, version, protocol or caller."""
    if query.by == "caller" or query.caller is not None:
        actor.verify_may(Permission.MANAGE_SUBSCRIBERS)
    step = timedelta(seconds=query.step) if query.step else None
    span = history.span_of(query.since, query.until, step, moment=now())
    platform.pulse.beat()
    only = query.model_dump(include={"model", "version", "protocol", "caller"}, exclude_none=True)
    lines = history.read_lines(span, only, query.by)[:_MOST_LINES]
    names = _names() if query.by == "caller" else {}
    return {
        "since": span.since,
        "until": span.until,
        "step": span.step.total_seconds(),
        "lines": [_line(line, span, names) for line in lines],
    }


@endpoints.get("/v1/monitoring/summary", access=Permission.READ_TRAFFIC, answer=SummaryAnswer)
def read_traffic_summary(query: SummaryQuery, actor: Principal, platform: Platform) -> dict[str, Any]:
    """How the predictions of the last hours fared: each model, its versions, and for managers each caller."""
    until = now()
    since = until - timedelta(hours=query.hours)
    platform.pulse.beat()
    versions = history.read_totals(since, until, "version")
    may_see_callers = Permission.MANAGE_SUBSCRIBERS in actor.permissions
    return {
        "since": since,
        "until": until,
        "total": _total(history.together(figures for _, figures in versions)),
        "models": _models(versions),
        "callers": _callers(history.read_totals(since, until, "caller")) if may_see_callers else None,
    }


def _line(line: Line, span: history.Span, names: Mapping[str, str]) -> dict[str, Any]:
    keys = {name: line.key.get(name) for name in ("model", "version", "protocol", "caller")}
    points = [{"at": span.since + n * span.step, **_figures(point)} for n, point in enumerate(line.points)]
    return {**keys, "caller_name": names.get(keys["caller"] or ""), "total": _total(line.total), "points": points}


def _models(versions: Iterable[tuple[Mapping[str, str], Figures]]) -> list[dict[str, Any]]:
    of_model: dict[str, list[tuple[str, Figures]]] = {}
    for key, figures in versions:
        of_model.setdefault(key["model"], []).append((key["version"], figures))
    models = [
        {
            "model": model,
            **_total(history.together(figures for _, figures in found)),
            "versions": [{"version": version, **_total(figures)} for version, figures in found],
        }
        for model, found in of_model.items()
    ]
    return sorted(models, key=lambda model: -model["requests"])


def _callers(found: Iterable[tuple[Mapping[str, str], Figures]]) -> list[dict[str, Any]]:
    names = _names()
    return [
        {"caller": key["caller"], "caller_name": names.get(key["caller"]), **_total(figures)} for key, figures in found
    ]


def _names() -> dict[str, str]:
    return {f"subscriber:{subscriber.id}": subscriber.name for subscriber in list_subscribers()}


def _figures(figures: Figures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in FiguresAnswer.model_fields}


def _total(figures: Figures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in TotalAnswer.model_fields}
