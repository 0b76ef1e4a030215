"""What one request pays for being seen: sums, trace, access log; beside one line through Python's logging.

Run: `python benchmarks/monitoring/bench_monitoring.py`. Microseconds, the best of seven rounds.
"""

import io
import logging
import threading
import time
import timeit
from collections.abc import Callable

from backend.identity.principal import Principal
from backend.logs import FORMAT, TIME, OneLine
from backend.monitoring.access_log import AccessLog
from backend.monitoring.telling import Exchange, Teller
from backend.monitoring.trace import trace_of
from backend.monitoring.traffic import Traffic

SERVICE = Principal(kind="subscriber", id="6f1d3c52-4ad4-4bdb-9f0f-0ab9c7c1b8a1", name="billing")
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def cost(act: Callable[[], object], number: int = 5000) -> float:
    """Microseconds of one call."""
    return min(timeit.repeat(act, number=number, repeat=7)) / number * 1e6


def exchange() -> Exchange:
    return Exchange(
        at=time.time(), seconds=0.0004, request_id="5d41402abc4b2a76b9719d911017c592", trace=trace_of(None), method="POST",
        route="/v1/models/{model}/predict", status=200, caller=SERVICE, model="iris", version="1", received=100, sent=120,
    )  # fmt: skip


def before() -> Callable[[], object]:
    """One line a request as it was: through logging, in the request's own thread."""
    log, output = logging.getLogger("bench"), logging.StreamHandler(io.StringIO())
    output.setFormatter(OneLine(FORMAT, TIME))
    log.addHandler(output)
    log.setLevel(logging.INFO)
    log.propagate = False
    return lambda: log.info("%s %s %s [%s]", "POST", "/v1/models/iris/predict", 200, "5d41402abc4b2a76b9719d911017c592")


def main() -> None:
    traffic, batch = Traffic(lambda _: True), [exchange()] * 500
    teller = Teller([lambda _: None], most_waiting=10**9)
    teller.start()
    recorded = cost(
        lambda: traffic.record(
            model="iris", version="1", protocol="native", caller=SERVICE, rows=1, seconds=0.0004, status=200
        )
    )
    rows = {
        "in the request: sums": recorded,
        "in the request: begun and over": cost(lambda: (traffic.enter(), traffic.leave())),
        "in the request: the exchange, with a new trace, told": cost(lambda: teller.tell(exchange())),
        "in the request: the trace that a caller names": cost(lambda: trace_of(PARENT)),
        "in the log's thread: a line as JSON": cost(lambda: AccessLog("json", io.StringIO()).write(batch), 20) / 500,
        "in the log's thread: a line as text": cost(lambda: AccessLog("text", io.StringIO()).write(batch), 20) / 500,
        "as it was, in the request: a line through logging": cost(before()),
    }
    teller.stop()
    for name, microseconds in rows.items():
        print(f"{name:<55} {microseconds:6.2f} us")
    print(f"threads: {threading.active_count()}")


if __name__ == "__main__":
    main()
