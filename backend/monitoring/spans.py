"""Requests and training jobs as spans of OpenTelemetry, sent to a collector by OTLP over HTTP in a thread of the library's own.

Loaded only where a collector is configured (`tracing.py`): the library costs memory. The usual `OTEL_...` variables hold.
"""

import threading
from collections.abc import Mapping, Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from backend.monitoring.telling import Exchange
from backend.monitoring.trace import Trace

# A collector that does not answer must not keep a process from ending.
_GOODBYE_SECONDS = 3.0


class _Chosen(IdGenerator):
    """The identifiers that a span was given when it began, before anything of this library was asked."""

    def __init__(self) -> None:
        self.trace = Trace(1, 1, 0, sampled=False)

    def generate_span_id(self) -> int:
        return self.trace.span_id

    def generate_trace_id(self) -> int:
        return self.trace.trace_id


class Spans:
    """Of one process, called `name` in traces; `endpoint` is a full URL, or None where the library's own variables say it."""

    def __init__(self, name: str, version: str, endpoint: str | None) -> None:
        self._chosen, self._lock = _Chosen(), threading.Lock()
        resource = Resource.create({"service.name": name, "service.namespace": "signet", "service.version": version})
        self._provider = TracerProvider(resource=resource, id_generator=self._chosen, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("signet", version)

    def write(self, exchanges: Sequence[Exchange]) -> None:
        """One span a request."""
        for each in exchanges:
            attributes: dict[str, str | int] = {
                "http.request.method": each.method,
                "http.route": each.route,
                "http.response.status_code": each.status,
                "url.scheme": "https",
                "signet.request_id": each.request_id,
                "signet.caller": f"{each.caller.kind}:{each.caller.id}" if each.caller else "",
                "signet.model": each.model,
                "signet.version": each.version,
            }
            # By the conventions for HTTP a refusal (4xx) is no error of the server's span.
            problem = str(each.status) if each.status >= 500 else None
            name = f"{each.method} {each.route}".strip()
            self.add(name, each.trace, (each.at - each.seconds, each.at), attributes, SpanKind.SERVER, problem)

    def add(
        self,
        name: str,
        trace: Trace,
        times: tuple[float, float],
        attributes: Mapping[str, str | int],
        kind: SpanKind = SpanKind.CONSUMER,
        problem: str | None = None,
    ) -> None:
        """A span from its beginning to its end (seconds since 1970); attributes without a value are left out."""
        known = {key: value for key, value in attributes.items() if value != ""}
        with self._lock:
            self._chosen.trace = trace
            span = self._tracer.start_span(
                name, _under(trace), kind, known, start_time=_nanoseconds(times[0]), record_exception=False
            )
        if problem is not None:
            span.set_attribute("error.type", problem)
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(times[1]))

    def stop(self) -> None:
        """Send what waits, as far as the collector takes it soon."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_GOODBYE_SECONDS)


def _under(trace: Trace) -> Context:
    """Where a span belongs: under its parent, or at the beginning of a trace."""
    if not trace.parent:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
    return set_span_in_context(
        NonRecordingSpan(SpanContext(trace.trace_id, trace.parent, is_remote=True, trace_flags=flags)), Context()
    )


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
