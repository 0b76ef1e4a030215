"""Predictions a second, side by side: `make bench`, or `python -m benchmarks.serving.bench_serving --help`.

Our server with TLS, client certificate, authorisation and validation on, the others on plain HTTP, all with one forest.
docs/performance.md says how it is measured, and what was.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serving import data, home
from benchmarks.serving.data import ONE, THOUSAND
from benchmarks.serving.installing import PEERS, cache
from benchmarks.serving.measuring import Plan
from benchmarks.serving.ours import Cpus, ours, registry
from benchmarks.serving.peers import Peers
from benchmarks.serving.profiling import profile
from benchmarks.serving.proxies import constant
from benchmarks.serving.report import report
from benchmarks.serving.rounds import Schedule, read_json, run, write_json
from benchmarks.serving.servers import Running, Server

_QUICK = {"peers": ["fastapi", "mlserver"], "rounds": 2, "seconds": 1.0, "warm_up": 0.3}


def main() -> None:
    wish = _wish()
    if wish.read:
        print(report(read_json(wish.read)))
        return
    with tempfile.TemporaryDirectory(prefix="signet-bench-") as temporary:
        folder, cpus = Path(temporary), _cpus()
        own = home.prepare(wish.home or folder / "home")
        tables = {ONE: data.rows(1, seed=7), THOUSAND: data.rows(data.MANY, seed=8)}
        tables[THOUSAND][0] = tables[ONE][0]
        expected = home.probability(own, tables[ONE])
        plan = Plan(wish.seconds, wish.warm_up, cpus.load, folder)
        mine = ours(own, tables, cpus, folder)
        peers = Peers(own.forest, folder, tables, cpus.server)
        theirs = [] if wish.profile else [peers.server(name) for name in wish.peers]
        references = [constant(own, folder, cpus.server, tls=tls) for tls in (False, True)]
        with _running([registry(own, cpus), *mine, *theirs, *references], wish.logs or folder) as running:
            if wish.profile:
                profile(running, mine, plan)
                return
            schedule = Schedule(wish.rounds, wish.connections)
            cells = run(running, [*mine, *theirs, *references], schedule, plan, expected)
        write_json(wish.json, cells, plan)
        print(f"\n{report(cells)}\n\nAll figures: {wish.json}")


@contextmanager
def _running(servers: Sequence[Server], logs: Path) -> Iterator[Running]:
    running = Running(logs)
    try:
        for server in servers:
            print(f"Starting {server.name} ...", flush=True)
            running.start(server)
        yield running
    finally:
        running.stop()


def _cpus() -> Cpus:
    """One processor for the server that is measured, another for the load generator and the proxy, where there are two."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        print(
            "One processor only: the load generator takes its share of it, and all figures are too low.",
            file=sys.stderr,
        )
    return Cpus(frozenset(available[:1]), frozenset(available[-1:]))


def _wish() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two rounds of one second, two peers")
    parser.add_argument(
        "--profile", action="store_true", help="say where the time of our own server goes, and compare nothing"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each cell of the table")
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds before that")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=PEERS)
    parser.add_argument(
        "--json", type=Path, default=cache() / "serving.json", help="file for all figures (%(default)s)"
    )
    parser.add_argument("--read", type=Path, help="measure nothing; print the tables of such a file")
    parser.add_argument("--home", type=Path, help="folder that keeps the trained platform for the next run")
    parser.add_argument("--logs", type=Path, help="folder that keeps what the servers said")
    wish = parser.parse_args()
    if wish.quick:
        vars(wish).update(_QUICK)
    return wish


if __name__ == "__main__":
    main()
