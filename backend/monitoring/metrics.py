"""What Prometheus is told of predictions, requests and processes: sums come in, each process's own metrics go out."""

import os
import time
from collections.abc import Callable, Mapping

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from backend.monitoring.series import MOST_SERIES, PredictionSeries
from backend.monitoring.traffic import Series, Sums, Traffic
from backend.records.log import RecordLog

_IN_FLIGHT = "Requests of any kind that have begun and are not over"
_SWAPS = "Versions that took their place behind an alias (result succeeded) or could not be loaded (failed)"
_DATABASE = (
    "Connections and statements that the database did not carry out: away, too slow, full, or two in each other's way"
)
_UNTOLD = "Requests that the access log does not tell of, because it was written more slowly than they came"


class Metrics:
    """The metrics of one process, in files where it shares them with others (`process_files`).

    `dropped` says how many requests the access log has not told of so far.
    """

    def __init__(
        self,
        traffic: Traffic,
        dropped: Callable[[], int] = lambda: 0,
        records: RecordLog | None = None,
        *,
        most_series: int = MOST_SERIES,
    ) -> None:
        self._traffic, self._dropped, self._told_dropped = traffic, dropped, 0
        self.registry = registry = CollectorRegistry()
        self.predictions = PredictionSeries(most_series)
        registry.register(self.predictions)
        self._in_flight = Gauge("signet_requests_in_flight", _IN_FLIGHT, multiprocess_mode="livesum", registry=registry)
        self._swaps = Counter("signet_model_swaps_total", _SWAPS, ("model", "result"), registry=registry)
        self._database = Counter("signet_database_errors_total", _DATABASE, registry=registry)
        self._untold = Counter("signet_access_log_dropped_total", _UNTOLD, registry=registry)
        self._records = None if records is None else _Records(registry, records)
        self._process = _Process(registry)

    def add(self, taken: Mapping[Series, Sums]) -> None:
        """Predictions since the last call."""
        for series, sums in taken.items():
            self.predictions.add(series, sums)

    def count_swap(self, model: str, result: str) -> None:
        """An alias was followed, or could not be."""
        self._swaps.labels(model, result).inc()

    def count_database_errors(self, engine: Engine) -> None:
        """From now on, those of this engine."""

        def count(context: ExceptionContext) -> None:
            if isinstance(context.sqlalchemy_exception, OperationalError):
                self._database.inc()

        event.listen(engine, "handle_error", count)

    def sample(self) -> None:
        """Note how this process is at this moment."""
        self._in_flight.set(self._traffic.in_flight)
        dropped = self._dropped()
        self._untold.inc(dropped - self._told_dropped)
        self._told_dropped = dropped
        if self._records is not None:
            self._records.sample()
        self._process.sample()


class _Records:
    """How the log of predictions fares."""

    def __init__(self, registry: CollectorRegistry, log: RecordLog) -> None:
        self._log, self._told = log, (0, 0)
        self._kept = Counter("signet_records_kept_total", "Predictions that were written down", registry=registry)
        self._dropped = Counter(
            "signet_records_dropped_total", "Predictions that were answered and not written down", registry=registry
        )
        self._waiting = Gauge(
            "signet_records_waiting",
            "Predictions in memory that are not written down yet",
            multiprocess_mode="livesum",
            registry=registry,
        )

    def sample(self) -> None:
        kept, dropped = self._log.kept, self._log.dropped
        self._kept.inc(kept - self._told[0])
        self._dropped.inc(dropped - self._told[1])
        self._told = (kept, dropped)
        self._waiting.set(self._log.waiting)


class _Process:
    """The usual metrics of processes, together for all that share."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._cpu = Counter(
            "process_cpu_seconds_total", "Processor time of the API's processes, user and system", registry=registry
        )
        self._memory = Gauge(
            "process_resident_memory_bytes",
            "Resident memory of the API's processes",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._files = Gauge(
            "process_open_fds", "Open files of the API's processes", multiprocess_mode="livesum", registry=registry
        )
        self._started = Gauge(
            "process_start_time_seconds",
            "When the youngest process of the API began, in seconds since 1970",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._used = 0.0
        self._pid, self._began = -1, time.time()

    def sample(self) -> None:
        process = psutil.Process()
        if self._pid != os.getpid():
            self._pid, self._began = os.getpid(), process.create_time()
        used = sum(process.cpu_times()[:2])
        self._cpu.inc(max(0.0, used - self._used))
        self._used = used
        self._memory.set(process.memory_info().rss)
        self._files.set(process.num_fds())
        self._started.set(self._began)
