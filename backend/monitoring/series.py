"""Predictions as Prometheus counts them: sums come in, a small table of each process keeps them, those of all processes go out."""

import os
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from backend.monitoring.latency import BOUNDS, BUCKETS
from backend.monitoring.process_files import shared_folder
from backend.monitoring.traffic import OTHER, Series, Sums

# A series is 22 lines or more of each collection. What Prometheus' own library keeps for one is 40 kB; here it is less than one.
MOST_SERIES = 1000

Labels = tuple[str, str, str, str]
Table = NDArray[Any]

_LABELS = ("model", "version", "protocol", "caller")
_BOUNDS = (*map(floatToGoString, BOUNDS), "+Inf")
_CODES = tuple(status.value for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST)
_PLACE_OF_CODE = {code: place for place, code in enumerate(_CODES)}
# One for each protocol is enough.
_MOST_OTHERS = 16
_FILE = "predictions_{}.table"
# Numbers first, and texts of whole words, so that no number lies across two of them: a reader sees the one before or the one after.
_ROW = np.dtype(
    [
        ("requests", "<u8"), ("rows", "<u8"), ("seconds", "<f8"),
        ("latency", "<u8", (BUCKETS,)), ("failures", "<u8", (len(_CODES),)),
        ("model", "S64"), ("version", "S16"), ("protocol", "S16"), ("caller", "S64"),
    ]
)  # fmt: skip


class PredictionSeries(Collector):
    """The counts of one process by model, version, protocol and caller; `collect` gives those of all that share its files.

    `most` have counts of their own: those that were counted lately. The others of a protocol are counted together, so no sum over
    callers is ever lost; a series that is counted again begins anew.
    """

    def __init__(self, most: int = MOST_SERIES) -> None:
        self._most = most
        self._places: OrderedDict[Labels, int] = OrderedDict()  # what was counted least lately comes first
        self._others: dict[str, int] = {}
        self._table: Table | None = None

    def add(self, series: Series, sums: Sums) -> None:
        """Count these too."""
        table = self._opened()
        place = self._place_of((series.model, series.version, series.protocol, series.caller))
        table["rows"][place] += sums.rows
        table["seconds"][place] += sums.seconds
        table["latency"][place] += np.array(sums.latency, dtype=np.uint64)
        if series.status >= HTTPStatus.BAD_REQUEST:
            code = _PLACE_OF_CODE.get(series.status, _PLACE_OF_CODE[series.status // 100 * 100])
            table["failures"][place, code] += sums.count
        table["requests"][place] += sums.count  # the last: a row without any is nobody's

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "signet_prediction_requests",
            "Prediction requests that were answered, refused ones included",
            labels=_LABELS,
        )
        failures = CounterMetricFamily(
            "signet_prediction_failures",
            "Prediction requests that were refused (code 4xx) or failed (5xx)",
            labels=(*_LABELS, "code"),
        )
        rows = CounterMetricFamily("signet_prediction_rows", "Rows that predictions were made for", labels=_LABELS)
        duration = HistogramMetricFamily(
            "signet_prediction_duration_seconds", "How long prediction requests took inside the API", labels=_LABELS
        )
        for labels, row in self._together().items():
            requests.add_metric(labels, float(row["requests"]))
            rows.add_metric(labels, float(row["rows"]))
            seen = np.cumsum(row["latency"]).tolist()
            duration.add_metric(labels, list(zip(_BOUNDS, seen, strict=True)), float(row["seconds"]))
            for place in np.flatnonzero(row["failures"]):
                failures.add_metric((*labels, str(_CODES[place])), float(row["failures"][place]))
        yield from (requests, failures, rows, duration)

    def _opened(self) -> Table:
        """The table of this process, made at the first use and so after a fork; in a file where others are to read it."""
        if self._table is None:
            size, folder = self._most + _MOST_OTHERS, shared_folder()
            if folder is None:
                self._table = np.zeros(size, _ROW)
            else:
                path = folder / _FILE.format(f"{os.getpid()}-{secrets.token_hex(4)}")
                # Not left to the first touch: on a full disk that would end the process instead of raising.
                path.write_bytes(bytes(size * _ROW.itemsize))
                self._table = np.memmap(path, _ROW, mode="r+")
        return self._table

    def _place_of(self, labels: Labels) -> int:
        if labels[3] == OTHER:
            return self._place_of_others(labels[2])
        if labels in self._places:
            self._places.move_to_end(labels)
            return self._places[labels]
        place = len(self._places) if len(self._places) < self._most else self._give_up_oldest()
        self._places[labels] = place
        self._write(place, labels)
        return place

    def _give_up_oldest(self) -> int:
        """What was counted least lately is from now on counted with the others; its place."""
        labels, place = self._places.popitem(last=False)
        table, gone = self._opened(), self._opened()[place].copy()
        table["requests"][place] = 0  # hidden first: better missed for a moment than counted twice
        _add(table[self._place_of_others(labels[2])], gone)
        table[place] = np.zeros((), _ROW)
        return place

    def _place_of_others(self, protocol: str) -> int:
        if protocol not in self._others:
            self._others[protocol] = self._most + min(len(self._others), _MOST_OTHERS - 1)
            self._write(self._others[protocol], (OTHER, "", protocol, OTHER))
        return self._others[protocol]

    def _write(self, place: int, labels: Labels) -> None:
        table = self._opened()
        for name, label in zip(_LABELS, labels, strict=True):
            table[name][place] = label.encode("utf-8")[: _ROW[name].itemsize]

    def _together(self) -> dict[Labels, Any]:
        found: dict[Labels, Any] = {}
        for table in self._tables():
            for row in table[table["requests"] > 0]:
                labels = _labels_of(row)
                if labels in found:
                    _add(found[labels], row)
                else:
                    found[labels] = row
        return found

    def _tables(self) -> Iterable[Table]:
        folder = shared_folder()
        if folder is not None:
            return map(_read, sorted(folder.glob(_FILE.format("*"))))
        return [] if self._table is None else [self._table]


def _read(path: Path) -> Table:
    return np.fromfile(path, _ROW)


def _labels_of(row: Any) -> Labels:
    model, version, protocol, caller = (row[name].decode("utf-8", "replace") for name in _LABELS)
    return model, version, protocol, caller


def _add(row: Any, other: Any) -> None:
    for name in ("rows", "seconds", "latency", "failures", "requests"):
        row[name] += other[name]
