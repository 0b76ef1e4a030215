"""Requests and jobs as spans, at a real collector; and none that is in the way where there is none."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from backend.monitoring.spans import Spans
from backend.monitoring.telling import Teller
from backend.monitoring.trace import trace_of
from backend.monitoring.tracing import find_tracing
from backend.settings import REPOSITORY, Settings
from tests.monitoring.collector import Collected, attributes, collector
from tests.monitoring.test_access_log import exchange
from tests.monitoring.test_trace import ID, PARENT, SPAN


@pytest.fixture
def collected() -> Iterator[Collected]:
    with collector() as found:
        yield found


def _sent(collected: Collected, *exchanges: object) -> list[object]:
    spans = Spans("signet-api", "1", f"{collected.url}/v1/traces")
    spans.write(exchanges)  # type: ignore[arg-type]
    spans.stop()
    return collected.spans


def test_a_request_is_a_span_under_its_parent(collected: Collected) -> None:
    (span,) = _sent(collected, one := exchange())
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (ID, SPAN)
    assert span.span_id.hex() == f"{one.trace.span_id:016x}"  # which the log has too
    assert (span.name, span.kind, span.status.code) == ("POST /v1/models/{model}/predict", 2, 0)
    assert span.end_time_unix_nano - span.start_time_unix_nano == pytest.approx(one.seconds * 1e9, abs=1000)
    assert attributes(span) == {
        "http.request.method": "POST", "http.route": "/v1/models/{model}/predict", "http.response.status_code": 200,
        "url.scheme": "https", "signet.request_id": "r-1", "signet.caller": "person:u-1", "signet.model": "iris",
        "signet.version": "3",
    }  # fmt: skip
    assert collected.services == {"signet-api"}


def test_a_trace_begins_where_no_parent_is_named(collected: Collected) -> None:
    trace = trace_of(None)
    (span,) = _sent(collected, exchange(trace=trace))
    assert (span.trace_id.hex(), span.parent_span_id) == (f"{trace.trace_id:032x}", b"")


def test_only_faults_of_ours_are_errors(collected: Collected) -> None:
    spans = _sent(collected, exchange(status=422), exchange(status=503))
    assert {(attributes(span)["http.response.status_code"], span.status.code) for span in spans} == {(422, 0), (503, 2)}


def test_what_the_parent_does_not_sample_is_not_sent(collected: Collected) -> None:
    assert _sent(collected, exchange(trace=trace_of(PARENT[:-1] + "0"))) == []


def test_a_collector_that_is_away_stops_nothing() -> None:
    with socket.socket() as silent:  # takes connections and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        spans = Spans("signet-api", "1", f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces")
        teller = Teller([spans.write], [spans.stop])
        teller.start()
        began = time.perf_counter()
        for _ in range(5000):
            teller.tell(exchange())
        assert time.perf_counter() - began < 2
        teller.stop()
        assert time.perf_counter() - began < 15


def test_tracing_is_found_where_it_is_configured(
    settings: Settings, collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert find_tracing(settings, "signet-api", "1") is None
    own = find_tracing(settings.model_copy(update={"otlp_endpoint": collected.url}), "signet-api", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
    usual = find_tracing(settings, "signet-worker", "1")
    for tracing in (own, usual):
        assert tracing is not None
        tracing.write([exchange()])
        tracing.stop()
    assert (len(collected.spans), collected.services) == (2, {"signet-api", "signet-worker"})


def test_the_library_is_not_loaded_for_nothing() -> None:
    source = "import sys, backend.app; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    out = subprocess.run([sys.executable, "-c", source], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
