"""What was measured, as tables for people: rates as ratios, medians over the rounds, and which targets were reached."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.serving.data import ONE, THOUSAND
from benchmarks.serving.measuring import Figures
from benchmarks.serving.ours import BINARY, EMBEDDED, ONE_CORE, PROXIED
from benchmarks.serving.rounds import HANDSHAKES, Cell, others

BASELINE = "FastAPI"
_PEERS = frozenset({"baseline", "product"})


@dataclass(frozen=True)
class Target:
    """Ours must be so many times as fast as the fastest of those kinds, over 16 connections."""

    server: str
    case: str
    against: frozenset[str]
    against_case: str
    times: float

    def says(self) -> str:
        whom = (
            {1: "FastAPI", 2: "the fastest peer"}[len(self.against)]
            if "baseline" in self.against
            else "the fastest product"
        )
        return f"{self.server}, {self.case}: at least {self.times} times {whom}"


_BASELINE, _PRODUCT = frozenset({"baseline"}), frozenset({"product"})
TARGETS = (
    Target(PROXIED, ONE, _BASELINE, ONE, 3.5),
    Target(PROXIED, ONE, _PRODUCT, ONE, 7.0),
    Target(EMBEDDED, ONE, _BASELINE, ONE, 1.3),
    Target(EMBEDDED, ONE, _PRODUCT, ONE, 2.5),
    *(Target(server, THOUSAND, _PEERS, THOUSAND, 2.0) for server in (PROXIED, EMBEDDED)),
    *(Target(server, THOUSAND + BINARY, _PEERS, THOUSAND, 5.0) for server in (PROXIED, EMBEDDED)),
)
_AT, _TAIL = 16, 5.0


class Measured:
    """The cells, found by what they are of."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.cells = cells
        self.kinds = {cell.server: cell.kind for cell in cells}
        self._found: dict[tuple[str, str, int], dict[int, Figures]] = defaultdict(dict)
        for cell in cells:
            self._found[cell.server, cell.case, cell.connections][cell.round] = cell.figures

    def of(self, server: str, case: str, connections: int, figure: Callable[[Figures], float]) -> float | None:
        """The median over the rounds."""
        found = self._found.get((server, case, connections))
        return median(map(figure, found.values())) if found else None

    def ratio(
        self, server: str, case: str, connections: int, against: frozenset[str], against_case: str
    ) -> float | None:
        """The median of the rounds' ratios to whoever of those kinds was fastest in that round."""
        rivals = [name for name, kind in self.kinds.items() if kind in against]
        ratios = []
        for number, mine in self._found.get((server, case, connections), {}).items():
            found = [self._found[rival, against_case, connections].get(number) for rival in rivals]
            rates = [figures.rate for figures in found if figures is not None]
            if rates:
                ratios.append(mine.rate / max(rates))
        return median(ratios) if ratios else None


def report(cells: Sequence[Cell]) -> str:
    """Everything, as Markdown."""
    measured = Measured(cells)
    rounds = len({cell.round for cell in cells})
    parts = [
        f"Medians over {rounds} rounds. Beside what was measured, {others(cells):.2f} processors were busy.",
        *_rates(measured),
        *_ratios(measured),
        *_latencies(measured),
        *_costs(measured),
        *_references(measured),
        *_targets(measured),
    ]
    return "\n".join(parts)


def _rates(measured: Measured) -> Iterator[str]:
    yield from ("", "### Requests a second (times FastAPI)", "")
    columns = _columns(measured)
    yield from _head(
        ["server", *(f"{case}, x{connections}" for case, connections in columns), "memory, MB (shared pages once)"]
    )
    for server in _servers(measured):
        row = [server]
        for case, connections in columns:
            rate = measured.of(server, case, connections, lambda f: f.rate)
            times = measured.ratio(server, case, connections, _BASELINE, case.removesuffix(BINARY))
            row.append("" if rate is None else f"{rate:,.0f}" + ("" if times is None else f" ({times:.2f})"))
        found = [cell.figures for cell in measured.cells if cell.server == server]
        memory, once = max(f.memory_mb for f in found), max(f.memory_once_mb for f in found)
        yield _row([*row, f"{memory:,.0f} ({once:,.0f})"])


def _ratios(measured: Measured) -> Iterator[str]:
    yield from ("", "### Ours, times the fastest product", "")
    columns = _columns(measured)
    yield from _head(["server", *(f"{case}, x{connections}" for case, connections in columns)])
    for server in _servers(measured):
        if measured.kinds[server] == "ours":
            ratios = [measured.ratio(server, case, n, _PRODUCT, case.removesuffix(BINARY)) for case, n in columns]
            yield _row([server, *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios)])


def _latencies(measured: Measured) -> Iterator[str]:
    yield from ("", "### Milliseconds: median / 99th percentile", "")
    columns = _columns(measured)
    yield from _head(["server", *(f"{case}, x{connections}" for case, connections in columns)])
    for server in _servers(measured):
        row = [server]
        for case, connections in columns:
            p50 = measured.of(server, case, connections, lambda f: f.p50)
            p99 = measured.of(server, case, connections, lambda f: f.p99)
            row.append("" if p50 is None or p99 is None else f"{p50:.2f} / {p99:.2f}")
        yield _row(row)


def _costs(measured: Measured) -> Iterator[str]:
    yield from ("", "### Microseconds of processor that one request costs the server, its proxy included", "")
    columns = _columns(measured)
    yield from _head(["server", *(f"{case}, x{connections}" for case, connections in columns)])
    for server in _servers(measured):
        costs = [measured.of(server, case, connections, lambda f: f.server_us) for case, connections in columns]
        yield _row([server, *("" if cost is None else f"{cost:,.0f}" for cost in costs)])


def _references(measured: Measured) -> Iterator[str]:
    yield from ("", "### New connections, and what can be measured at all", "")
    yield from _head(["server", "question", "requests a second", "the load generator was busy"])
    for server, case, connections in _kept(measured):
        rate = measured.of(server, case, connections, lambda f: f.rate)
        busy = measured.of(server, case, connections, lambda f: f.load_cpu)
        yield _row([server, f"{case}, x{connections}", f"{rate:,.0f}", f"{busy:.0%}"])


def _kept(measured: Measured) -> list[tuple[str, str, int]]:
    every = dict.fromkeys((cell.server, cell.case, cell.connections) for cell in measured.cells)
    return [of for of in every if of[1] == HANDSHAKES or measured.kinds[of[0]] == "reference"]


def _targets(measured: Measured) -> Iterator[str]:
    yield from ("", f"### Targets, over {_AT} connections", "")
    yield from _head(["target", "measured", ""])
    for target in TARGETS:
        ratio = measured.ratio(target.server, target.case, _AT, target.against, target.against_case)
        if ratio is not None:
            yield _row([target.says(), f"{ratio:.2f}", _verdict(reached=ratio >= target.times)])
    for server, case in (
        (server, case) for server in (PROXIED, EMBEDDED) for case in (ONE, THOUSAND, THOUSAND + BINARY)
    ):
        tail = measured.of(server, case, _AT, lambda f: f.p99 / f.p50)
        if tail is not None:
            yield _row(
                [f"{server}, {case}: p99 under {_TAIL:.0f} times p50", f"{tail:.2f}", _verdict(reached=tail < _TAIL)]
            )


def _verdict(*, reached: bool) -> str:
    return "reached" if reached else "**not reached**"


def _servers(measured: Measured) -> list[str]:
    """Ours first, then the others by what they reach."""
    named = [server for server, kind in measured.kinds.items() if kind != "reference"]
    ours = [server for server in (PROXIED, ONE_CORE, EMBEDDED) if server in named]
    theirs = [server for server in named if server not in ours]
    return ours + sorted(theirs, key=lambda server: -(measured.of(server, ONE, _AT, lambda f: f.rate) or 0))


def _columns(measured: Measured) -> list[tuple[str, int]]:
    cells = [cell for cell in measured.cells if cell.kind != "reference" and cell.case != HANDSHAKES]
    return list(dict.fromkeys((cell.case, cell.connections) for cell in cells))


def _head(names: Iterable[str]) -> list[str]:
    cells = list(names)
    return [_row(cells), "|---" * len(cells) + "|"]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
