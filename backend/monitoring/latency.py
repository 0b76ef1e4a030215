"""How long answers took, as counts between fixed bounds: durations come in, shares of the slowest go out."""

import math
from bisect import bisect_left
from collections.abc import Sequence

# Seconds. A compiled model answers one row in less than the first; a person has gone away before the last.
BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BUCKETS = len(BOUNDS) + 1


def bucket_of(seconds: float) -> int:
    """Which of the `BUCKETS` a duration is counted in; its bound belongs to it, as in Prometheus."""
    return bisect_left(BOUNDS, seconds)


def quantile(share: float, counts: Sequence[int]) -> float | None:
    """The duration (seconds) within which this share of the answers came, linear between bounds; None where there were none.

    Of what took longer than the last bound only that bound is known. The same estimate as PromQL's `histogram_quantile`.
    """
    rank, seen = share * sum(counts), 0
    if rank == 0:
        return None
    for bucket, count in enumerate(counts[: len(BOUNDS)]):
        if count and seen + count >= rank:
            low = BOUNDS[bucket - 1] if bucket else 0.0
            value = low + (BOUNDS[bucket] - low) * (rank - seen) / count
            # Half a microsecond is finer than what is measured.
            return float(f"{value:.4g}") if math.isfinite(value) else None
        seen += count
    return BOUNDS[-1]
