"""A request that is traced from the caller's program to the collector, through the client package and the real server."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from signet_client import Signet, Unauthenticated
from tests.monitoring.collector import Collected, attributes, collector
from tests.server.api import Api, home_in


@pytest.fixture
def collected() -> Iterator[Collected]:
    with collector() as found:
        yield found


def test_from_the_callers_span_to_ours(collected: Collected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
    with home_in(tmp_path) as home:
        api = Api(home.settings)
        tracer = TracerProvider().get_tracer("a service")
        signet = Signet(f"https://localhost:{api.port}", ca=home.settings.certs / "ca.pem")
        with tracer.start_as_current_span("a bill") as span, contextlib.suppress(Unauthenticated):
            signet.predict([1.0], model="iris")
        signet.close()
        api.stop()  # sends what waits
    ours = [each for each in collected.spans if each.trace_id.hex() == f"{span.get_span_context().trace_id:032x}"]
    assert [each.parent_span_id.hex() for each in ours] == [f"{span.get_span_context().span_id:016x}"]
    assert attributes(ours[0])["http.response.status_code"] == 401
