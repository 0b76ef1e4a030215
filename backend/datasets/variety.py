"""How many different values a column has and which come up most, counted exactly while they fit in memory."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from backend.datasets.limits import MEGABYTE
from backend.datasets.values import shortened

MOST_VALUES = 1_000_000
MOST_BYTES = 16 * MEGABYTE
MERGE_AT = 131_072
SORTABLE = 1_000


class Variety:
    """Counts of different values, gathered batch by batch; given up, as a lower bound, where they are too many."""

    def __init__(self, kind: pa.DataType) -> None:
        self.is_lower_bound = False
        self._counts = pa.table({"value": pa.array([], kind), "count": pa.array([], pa.int64())})
        self._waiting: list[pa.Table] = []

    def add(self, values: pa.Array) -> None:
        """Take a batch without missing values into account."""
        if self.is_lower_bound or not len(values):
            return
        counted = values.value_counts()
        self._waiting.append(pa.table({"value": counted.field("values"), "count": counted.field("counts")}))
        if sum(len(table) for table in self._waiting) >= max(MERGE_AT, len(self._counts)):
            self._merge()

    @property
    def distinct(self) -> int:
        """The number of different values; at least that many where it `is_lower_bound`."""
        self._merge()
        return len(self._counts)

    def top(self, most: int) -> list[dict[str, Any]]:
        """The values that come up most, with their counts; none of many where no value repeats, or not all were counted."""
        self._merge()
        counts = self._counts
        if self.is_lower_bound or (len(counts) > most and pc.max(counts["count"]).as_py() < 2):
            return []
        if len(counts) > SORTABLE:
            order = [("count", "descending"), ("value", "ascending")]
            counts = counts.take(pc.select_k_unstable(counts, k=most, sort_keys=order))
        ranked = sorted(counts.to_pylist(), key=lambda entry: (-entry["count"], entry["value"]))
        return [{"value": shortened(entry["value"]), "count": entry["count"]} for entry in ranked[:most]]

    def _merge(self) -> None:
        if not self._waiting:
            return
        together = pa.concat_tables([self._counts, *self._waiting]).group_by("value", use_threads=False)
        self._counts = together.aggregate([("count", "sum")]).rename_columns(["value", "count"])
        self._waiting = []
        self.is_lower_bound = len(self._counts) > MOST_VALUES or self._counts.nbytes > MOST_BYTES
