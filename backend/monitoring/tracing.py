"""Whether traces go to a collector, and what takes them there."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from backend.monitoring.telling import Exchange
from backend.monitoring.trace import Trace
from backend.settings import Settings, inherited

# The library's own variables, for those who set them for all their programs.
_USUAL = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Tracing(Protocol):
    """`spans.Spans`, named here without loading its library."""

    def write(self, exchanges: Sequence[Exchange]) -> None: ...
    def add(
        self,
        name: str,
        trace: Trace,
        times: tuple[float, float],
        attributes: Mapping[str, str | int],
        *,
        problem: str | None,
    ) -> None: ...
    def stop(self) -> None: ...


def find_tracing(settings: Settings, name: str, version: str) -> Tracing | None:
    """What takes the spans of this process, called `name` there, to the collector that is configured; None where none is."""
    if not settings.otlp_endpoint and not any(inherited(_USUAL).values()):
        return None
    endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces" if settings.otlp_endpoint else None
    library = importlib.import_module("backend.monitoring.spans")
    return cast("Tracing", library.Spans(name, version, endpoint))
