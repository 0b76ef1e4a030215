"""All cells of the table, round after round: in each round every server, in another order each time."""

import json
import os
import platform
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.serving.measuring import Figures, Plan, measure, verify
from benchmarks.serving.servers import Running, Server

HANDSHAKES = "handshakes"


@dataclass(frozen=True)
class Cell:
    """What was measured once: in which round, of which server, with which question, over so many connections."""

    round: int
    server: str
    kind: str
    case: str
    connections: int
    figures: Figures


@dataclass(frozen=True)
class Schedule:
    """How many rounds, which numbers of connections; handshakes are counted over so many at once."""

    rounds: int
    connections: Sequence[int]
    handshakes: int = 16


def run(running: Running, servers: Sequence[Server], schedule: Schedule, plan: Plan, expected: float) -> list[Cell]:
    """Every cell of every round. Before and after each round, each server must give the same probability."""
    cells = []
    for number in range(schedule.rounds):
        verify_all(servers, expected)
        for server, case, connections in _cells(servers, schedule, number):
            fresh = case == HANDSHAKES
            figures = measure(running, server, min(server.asks) if fresh else case, connections, plan, fresh=fresh)
            cells.append(Cell(number, server.name, server.kind, case, connections, figures))
            print(_line(cells[-1]), flush=True)
    verify_all(servers, expected)
    return cells


def verify_all(servers: Sequence[Server], expected: float) -> None:
    for server in servers:
        for case in server.asks:
            verify(server, case, None if server.kind == "reference" else expected)


def write_json(path: Path, cells: Sequence[Cell], plan: Plan) -> None:
    """Everything that was measured, and on what."""
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "seconds": plan.seconds,
        "others_cpu": others(cells),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, "cells": [asdict(cell) for cell in cells]}, indent=1), "utf-8")


def read_json(path: Path) -> list[Cell]:
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cells"]
    return [Cell(**{**cell, "figures": Figures(**cell["figures"])}) for cell in found]


def others(cells: Sequence[Cell]) -> float:
    """How many processors programs other than those measured were using, as a median over the cells."""
    return median(cell.figures.others_cpu for cell in cells)


def _cells(servers: Sequence[Server], schedule: Schedule, number: int) -> Iterator[tuple[Server, str, int]]:
    chance = random.Random(number)  # noqa: S311 - an order, not a secret
    cases = list(dict.fromkeys(case for server in servers for case in server.asks))
    for case in cases:
        for connections in schedule.connections:
            asked = [server for server in servers if case in server.asks]
            chance.shuffle(asked)
            yield from ((server, case, connections) for server in asked)
    yield from ((server, HANDSHAKES, schedule.handshakes) for server in servers if server.tls is not None)


def _line(cell: Cell) -> str:
    f = cell.figures
    return (
        f"round {cell.round + 1}  {cell.server:42} {cell.case:19} x{cell.connections:<3} {f.rate:9,.0f}/s "
        f"p50 {f.p50:7.2f} ms  p99 {f.p99:7.2f} ms  {f.memory_mb:4.0f} MB  {f.server_us:7.0f} us of processor a request"
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
