"""Counts of predictions: of every process together, of many callers in little memory, and no sum lost."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from backend.monitoring import process_files
from backend.monitoring.latency import BUCKETS
from backend.monitoring.series import MOST_SERIES, PredictionSeries
from backend.monitoring.traffic import Series, Sums
from backend.settings import Settings
from tests.monitoring.exposed import value

REQUESTS, FAILURES = "signet_prediction_requests_total", "signet_prediction_failures_total"
ONE = Sums(1, 2, 0.5, [1] + [0] * (BUCKETS - 1))


def of(number: int, status: int = 200) -> Series:
    return Series("iris", "1", "native", f"subscriber:{number}", status)


def text(series: PredictionSeries) -> str:
    registry = CollectorRegistry()
    registry.register(series)
    return generate_latest(registry).decode()


@pytest.fixture
def shared(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a server whose processes share their counts."""
    monkeypatch.setattr(process_files, "_FOLDERS", [])
    monkeypatch.setattr(process_files.values, "ValueClass", process_files.values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    yield process_files.share(settings)
    process_files.remove()


def test_any_process_tells_the_counts_of_all(shared: Path) -> None:
    first, second = PredictionSeries(), PredictionSeries()
    for each in (first, second):
        each.add(of(7), ONE)
        each.add(of(7, 422), ONE)
    second.add(of(8), ONE)
    del first  # a process that is gone takes nothing with it
    found = text(PredictionSeries())
    assert value(found, REQUESTS, caller="subscriber:7") == 4
    assert value(found, FAILURES, caller="subscriber:7", code="422") == 2
    assert value(found, REQUESTS, caller="subscriber:8") == 1
    assert value(found, "signet_prediction_rows_total") == 10
    assert value(found, "signet_prediction_duration_seconds_sum") == 2.5
    assert {file.stat().st_mode & 0o077 for file in shared.iterdir()} <= {0, 0o044}  # in a folder of mode 0700


def test_who_is_counted_now_has_counts_of_its_own_and_no_sum_is_lost(shared: Path) -> None:
    series = PredictionSeries(most=10)
    series.add(of(0), ONE)
    for number in range(1, 100):
        series.add(of(number, 500), ONE)
        series.add(of(0), ONE)
    found = text(series)
    assert value(found, REQUESTS, caller="subscriber:0") == 100
    assert [number for number in range(1, 100) if value(found, REQUESTS, caller=f"subscriber:{number}")] == list(
        range(91, 100)
    )
    assert value(found, REQUESTS, caller="other", model="other", version="", protocol="native") == 90
    assert value(found, FAILURES, caller="other", code="500") == 90
    assert value(found, FAILURES, caller="subscriber:99", code="500") == 1
    assert value(found, "signet_prediction_duration_seconds_count") == value(found, REQUESTS) == 199
    series.add(of(1), ONE)
    assert value(text(series), REQUESTS, caller="subscriber:1") == 1, "counted again, it begins anew"
    assert value(text(series), FAILURES, caller="subscriber:1") is None


def test_callers_that_come_and_go_cost_next_to_nothing() -> None:
    tracemalloc.start()
    try:
        series = PredictionSeries()
        for number in range(MOST_SERIES):
            series.add(of(number), ONE)
        full, _ = tracemalloc.get_traced_memory()
        for number in range(4 * MOST_SERIES):
            series.add(of(number), ONE)
        later, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert full < 1000 * MOST_SERIES, "bytes"
    assert later < 1.3 * full


def test_a_code_that_http_does_not_know_is_counted_with_its_kind() -> None:
    series = PredictionSeries()
    series.add(of(1, 499), ONE)
    assert value(text(series), FAILURES, code="400") == 1
