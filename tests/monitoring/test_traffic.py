"""Sums of predictions: exact over threads, bounded whatever callers write, cheap."""

import threading
import timeit

import pytest

from backend.identity.principal import Principal
from backend.monitoring.latency import BOUNDS, BUCKETS, bucket_of, quantile
from backend.monitoring.traffic import Series, Traffic

SERVICE = Principal(kind="subscriber", id="s-1", name="billing")
ADA = Principal(kind="person", id="p-1", name="ada")


def _traffic() -> Traffic:
    return Traffic(lambda model: model == "iris")


def _record(traffic: Traffic, *, model: str = "iris", version: str | None = "1", caller: Principal | None = SERVICE,
            rows: int = 1, seconds: float = 0.002, status: int = 200) -> None:  # fmt: skip
    traffic.record(model=model, version=version, protocol="native", caller=caller, rows=rows, seconds=seconds, status=status)  # fmt: skip


def test_equal_requests_are_summed_and_taken_once() -> None:
    traffic = _traffic()
    for rows in (1, 5):
        _record(traffic, rows=rows)
    ((series, sums),) = traffic.take().items()
    assert series == Series("iris", "1", "native", "subscriber:s-1", 200)
    assert (sums.count, sums.rows, sums.seconds) == (2, 6, pytest.approx(0.004))
    assert sums.latency[bucket_of(0.002)] == sum(sums.latency) == 2
    assert traffic.take() == {}


def test_people_are_counted_together_and_strangers_apart() -> None:
    traffic = _traffic()
    for caller in (ADA, None, SERVICE):
        _record(traffic, caller=caller)
    assert {series.caller for series in traffic.take()} == {"people", "nobody", "subscriber:s-1"}


def test_names_that_callers_invent_make_no_series() -> None:
    traffic = _traffic()
    for number in range(100):
        _record(traffic, model=f"made-up-{number}", version=None, status=404)
    _record(traffic, version=None, status=429)
    _record(traffic, model="no-alias-names-it", version="3")
    assert {(series.model, sums.count) for series, sums in traffic.take().items()} == {
        ("unknown", 100), ("iris", 1), ("no-alias-names-it", 1),
    }  # fmt: skip


def test_there_is_an_end_to_series_at_once_and_not_for_ever() -> None:
    traffic = Traffic(lambda _: True, most_at_once=10)
    for number in range(50):
        _record(traffic, version=str(number))
    taken = traffic.take()
    assert len(taken) == 11
    assert taken[Series("other", "", "native", "other", 200)].count == 40
    _record(traffic, version="51")
    assert [series.version for series in traffic.take()] == ["51"]


def test_nothing_is_lost_between_threads() -> None:
    traffic, taken, stop = _traffic(), [], threading.Event()

    def work() -> None:
        for _ in range(2000):
            traffic.enter()
            _record(traffic)
            traffic.leave()

    def take() -> None:
        while not stop.is_set():
            taken.extend(traffic.take().values())

    workers, taker = [threading.Thread(target=work) for _ in range(4)], threading.Thread(target=take)
    for thread in (taker, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    stop.set()
    taker.join()
    taken.extend(traffic.take().values())
    assert sum(sums.count for sums in taken) == 8000
    assert traffic.in_flight == 0


def test_a_record_costs_microseconds() -> None:
    traffic = _traffic()
    best = min(timeit.repeat(lambda: _record(traffic), number=2000, repeat=5)) / 2000
    assert best < 50e-6, f"{best * 1e6:.1f} us"  # 1 to 3 on a free machine


def test_a_duration_belongs_to_the_bound_that_it_does_not_pass() -> None:
    assert [bucket_of(seconds) for seconds in (0.0, BOUNDS[0], BOUNDS[-1], 99.0)] == [0, 0, BUCKETS - 2, BUCKETS - 1]


def _counts(*durations: float) -> list[int]:
    counts = [0] * BUCKETS
    for duration in durations:
        counts[bucket_of(duration)] += 1
    return counts


@pytest.mark.parametrize(
    ("share", "durations", "expected"),
    [
        (0.5, (), None),
        (0.5, (0.002,), 0.00175),  # the middle of its bucket, 0.001 to 0.0025
        (1.0, (0.002,), 0.0025),
        (0.5, (0.002, 0.002, 0.02, 0.02), 0.0025),
        (0.99, (99.0,), 10.0),
    ],
)
def test_quantiles_are_estimated_as_prometheus_does(
    share: float, durations: tuple[float, ...], expected: float | None
) -> None:
    assert quantile(share, _counts(*durations)) == expected
