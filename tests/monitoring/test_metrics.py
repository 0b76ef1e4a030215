"""What Prometheus is told, by the names that its users expect."""

import fcntl
import logging
import os
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from backend.monitoring import process_files
from backend.monitoring.clock import ClockWatch
from backend.monitoring.latency import BUCKETS, bucket_of
from backend.monitoring.metrics import Metrics
from backend.monitoring.traffic import Series, Sums, Traffic
from backend.settings import Settings
from tests.monitoring.conftest import Clock
from tests.monitoring.exposed import families, problems, value

AWKWARD = 'a"b\\c\nd'


def _latency(*durations: float) -> list[int]:
    counts = [0] * BUCKETS
    for duration in durations:
        counts[bucket_of(duration)] += 1
    return counts


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(Traffic(lambda _: True))


def _text(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_sums_become_counters_and_a_histogram(metrics: Metrics) -> None:
    series = Series("iris", "2", "native", "subscriber:s", 200)
    for _ in range(2):
        metrics.add({series: Sums(3, 30, 0.61, _latency(0.0001, 0.009, 20.0))})
    metrics.add({series._replace(status=422): Sums(1, 0, 0.001, _latency(0.001))})
    text, labels = _text(metrics), {"model": "iris", "version": "2", "protocol": "native", "caller": "subscriber:s"}
    assert value(text, "signet_prediction_requests_total", **labels) == 7
    assert value(text, "signet_prediction_rows_total", **labels) == 60
    assert value(text, "signet_prediction_failures_total", **labels, code="422") == 1
    assert value(text, "signet_prediction_failures_total", **labels, code="200") is None
    assert value(text, "signet_prediction_duration_seconds_count", **labels) == 7
    assert value(text, "signet_prediction_duration_seconds_sum", **labels) == pytest.approx(1.221)
    buckets = {le: value(text, "signet_prediction_duration_seconds_bucket", **labels, le=le) for le in
               ("0.0001", "0.001", "0.005", "0.01", "10.0", "+Inf")}  # fmt: skip
    assert buckets == {"0.0001": 2, "0.001": 3, "0.005": 3, "0.01": 5, "10.0": 5, "+Inf": 7}


def test_names_follow_the_conventions(metrics: Metrics) -> None:
    metrics.add({Series("iris", "1", "native", "people", 500): Sums(1, 1, 0.1, _latency(0.1))})
    metrics.count_swap("iris", "succeeded")
    metrics.sample()
    assert problems(_text(metrics)) == []
    assert (value(_text(metrics), "process_resident_memory_bytes") or 0) > 1e6
    assert problems("# TYPE signet_wait_ms gauge\nsignet_wait_ms 1\n") == ["signet_wait_ms: no help", "signet_wait_ms: not a base unit"]  # fmt: skip


def test_labels_are_escaped(metrics: Metrics) -> None:
    metrics.count_swap(AWKWARD, "failed")
    assert value(_text(metrics), "signet_model_swaps_total", model=AWKWARD) == 1
    assert families(_text(metrics))["signet_model_swaps"].type == "counter"


def test_there_is_an_end_to_series() -> None:
    metrics = Metrics(Traffic(lambda _: True), most_series=10)
    for number in range(50):
        for _ in range(2):
            metrics.add({Series("iris", str(number), "native", "people", 500): Sums(1, 1, 0.1, _latency(0.1))})
    text = _text(metrics)
    assert value(text, "signet_prediction_requests_total", model="iris") == 20
    assert value(text, "signet_prediction_requests_total", model="other", version="", caller="other") == 80
    assert value(text, "signet_prediction_failures_total", model="other") == 80


def test_requests_in_flight(metrics: Metrics) -> None:
    metrics._traffic.enter()
    metrics.sample()
    assert value(_text(metrics), "signet_requests_in_flight") == 1


def test_requests_that_the_log_left_out() -> None:
    dropped = [3, 3, 5]
    metrics = Metrics(Traffic(lambda _: True), lambda: dropped.pop(0))
    for _ in range(3):
        metrics.sample()
    assert value(_text(metrics), "signet_access_log_dropped_total") == 5


def test_a_clock_that_is_set_is_told_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    watch = ClockWatch(clock, lambda: 0.0)
    watch.check()
    assert caplog.records == []
    clock.at -= 3600
    for _ in range(3):
        watch.check()
    assert [(record.levelno, "-3600" in record.getMessage()) for record in caplog.records] == [(logging.ERROR, True)]
    assert watch.step == -3600


def test_files_of_servers_that_are_gone_are_removed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_files, "_FOLDERS", [])
    monkeypatch.setattr(process_files.values, "ValueClass", process_files.values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    # Another server's, in a container of its own: whether it is there its lock says, not the number of its process.
    gone, alive = settings.data / "metrics" / f"{os.getpid()}-a", settings.data / "metrics" / f"{os.getpid()}-b"
    gone.mkdir(parents=True)
    alive.mkdir()
    other = os.open(alive, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_SH)
    folder = process_files.share(settings)
    assert (gone.exists(), alive.exists(), folder.stat().st_mode & 0o777) == (False, True, 0o700)
    Metrics(Traffic(lambda _: True)).sample()
    assert {file.name.partition("_")[0] for file in folder.iterdir()} == {"counter", "gauge"}
    process_files.forget(os.getpid())
    assert not list(folder.glob("gauge_*"))
    process_files.remove()
    assert (folder.exists(), process_files.shared_folder()) == (False, None)
    os.close(other)
