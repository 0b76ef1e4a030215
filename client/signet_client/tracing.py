"""The trace that the calling program is in, where it follows traces with OpenTelemetry; nothing is needed where it does not."""

from __future__ import annotations

import sys


def current_traceparent() -> str | None:
    """The span under way as a `traceparent` (W3C Trace Context); None without one, or without OpenTelemetry."""
    # A program that has a span has this loaded; for others it is not worth loading.
    library = sys.modules.get("opentelemetry.trace")
    if library is None:
        return None
    context = library.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
