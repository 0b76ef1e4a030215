"""How often each process ended by itself of late, and when that is worth a report."""

from collections import defaultdict, deque

WINDOW_SECONDS = 60.0
WORRYING = 3


class Setbacks:
    """Ends of processes, each at a time in seconds on one clock."""

    def __init__(self) -> None:
        self._ended: defaultdict[str, deque[float]] = defaultdict(deque)
        self._reported: dict[str, float] = {}

    def record(self, name: str, at: float) -> int:
        """Count this end; the number of ends within the last minute comes back."""
        ended = self._ended[name]
        ended.append(at)
        while ended[0] < at - WINDOW_SECONDS:
            ended.popleft()
        return len(ended)

    def claim_report(self, name: str, at: float) -> bool:
        """True at most once a minute for a process that ends again and again."""
        if len(self._ended[name]) < WORRYING or at - self._reported.get(name, -WINDOW_SECONDS) < WINDOW_SECONDS:
            return False
        self._reported[name] = at
        return True
