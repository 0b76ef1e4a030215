"""Over which range a column's values lie and how they are spread, gathered in two readings of the column."""

from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backend.datasets.values import as_json

BINS = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Spread:
    """Count and ends of the first reading; histogram, mean and deviation of the second. Text has a count alone."""

    def __init__(self, kind: pa.DataType) -> None:
        self._is_time = pa.types.is_timestamp(kind)
        self._is_zoned = self._is_time and kind.tz is not None
        self._is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        self.count = 0
        self._ends: tuple[Any, Any] | None = None
        self._total = self._squares = 0.0
        self._bars = np.zeros(BINS, dtype=np.int64)

    @property
    def is_measured(self) -> bool:
        """Whether a second reading adds anything."""
        return self._ends is not None

    def add(self, values: pa.Array) -> None:
        """First reading: a batch without missing values."""
        self.count += len(values)
        if len(values) and (self._is_number or self._is_time):
            ends = pc.min_max(self._plain(values)).as_py()
            low, high = self._ends or (ends["min"], ends["max"])
            self._ends = (min(low, ends["min"]), max(high, ends["max"]))
            with np.errstate(over="ignore", invalid="ignore"):
                self._total += self._floats(values).sum()

    def add_again(self, values: pa.Array) -> None:
        """Second reading: the same batches."""
        numbers = self._floats(values)
        with np.errstate(over="ignore", invalid="ignore"):
            self._squares += np.square(numbers - self._total / self.count).sum()
        if self._has_bars():
            low, high = self._floats_of_ends()
            self._bars += np.histogram(numbers, bins=BINS, range=(low, high))[0]

    def to_json(self) -> dict[str, Any]:
        """`min`, `max`, for numbers `mean` and `std`, and `histogram`, as far as they exist."""
        if self._ends is None:
            return {}
        profile: dict[str, Any] = {"min": self._shown(self._ends[0]), "max": self._shown(self._ends[1])}
        if self._is_number:
            profile["mean"] = as_json(float(self._total / self.count))
            profile["std"] = as_json(sqrt(self._squares / (self.count - 1))) if self.count > 1 else None
        return profile | {"histogram": self._histogram()}

    def _histogram(self) -> dict[str, Any] | None:
        if self._ends is not None and self._ends[0] == self._ends[1]:
            return {"edges": [self._shown(end) for end in self._ends], "counts": [self.count]}
        if not self._has_bars():
            return None
        edges = np.linspace(*self._floats_of_ends(), BINS + 1)
        return {"edges": [self._shown(edge) for edge in edges.tolist()], "counts": self._bars.tolist()}

    def _has_bars(self) -> bool:
        """Whether the range can be cut into bins: it is neither nothing, nor endless, nor too fine for floats."""
        low, high = self._floats_of_ends()
        with np.errstate(over="ignore"):
            width = np.float64(high) - np.float64(low)
        return bool(np.isfinite(width) and low + width / BINS > low and high - width / BINS < high)

    def _floats_of_ends(self) -> tuple[float, float]:
        low, high = self._ends or (0, 0)
        return float(low), float(high)

    def _plain(self, values: pa.Array) -> pa.Array:
        return pc.cast(values, pa.int64()) if self._is_time else values

    def _floats(self, values: pa.Array) -> "np.ndarray[Any, np.dtype[np.float64]]":
        return np.asarray(self._plain(values).to_numpy(zero_copy_only=False), dtype=np.float64)

    def _shown(self, value: float) -> Any:
        if not self._is_time or self._ends is None:
            return as_json(value)
        low, high = self._ends
        moment = _EPOCH + timedelta(microseconds=min(max(round(value), low), high))
        return (moment if self._is_zoned else moment.replace(tzinfo=None)).isoformat()
