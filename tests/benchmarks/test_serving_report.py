"""The tables that `make bench` prints: medians of the rounds' ratios, and targets that were missed are said to be."""

import json
from pathlib import Path

import numpy as np

from benchmarks.serving.data import ONE, THOUSAND, as_json, numbers, rows
from benchmarks.serving.measuring import Figures, Plan
from benchmarks.serving.ours import BINARY, PROXIED
from benchmarks.serving.report import Measured, report
from benchmarks.serving.rounds import HANDSHAKES, Cell, read_json, write_json

PLAN = Plan(2.0, 0.5, frozenset({0}), Path())


def figures(rate: float, p99: float = 4.0) -> Figures:
    return Figures(rate, 1.0, p99, 100.0, 80.0, 0.1, 50.0, 0.2)


def cells(server: str, kind: str, rates: list[float], case: str = ONE, p99: float = 4.0) -> list[Cell]:
    return [Cell(number, server, kind, case, 16, figures(rate, p99)) for number, rate in enumerate(rates)]


def test_a_ratio_is_the_median_of_ratios_within_rounds() -> None:
    ours, slow, quick = (
        cells(PROXIED, "ours", [400, 900, 100]),
        cells("A", "product", [100, 100, 50]),
        cells("B", "product", [50, 300, 10]),
    )
    measured = Measured([*ours, *slow, *quick])
    # 400/100, 900/300, 100/50: never the best of one round against the best of another.
    assert measured.ratio(PROXIED, ONE, 16, frozenset({"product"}), ONE) == 3.0
    assert measured.of(PROXIED, ONE, 16, lambda f: f.rate) == 400


def test_targets_are_reached_or_not() -> None:
    reached = report(
        [*cells(PROXIED, "ours", [360]), *cells("FastAPI", "baseline", [100]), *cells("A", "product", [60])]
    )
    assert f"| {PROXIED}, 1 row: at least 3.5 times FastAPI | 3.60 | reached |" in reached
    assert f"| {PROXIED}, 1 row: at least 7.0 times the fastest product | 6.00 | **not reached** |" in reached


def test_a_long_tail_is_a_missed_target() -> None:
    text = report([*cells(PROXIED, "ours", [360], p99=5.1), *cells("FastAPI", "baseline", [100])])
    assert f"| {PROXIED}, 1 row: p99 under 5 times p50 | 5.10 | **not reached** |" in text


def test_binary_rows_are_held_against_the_json_of_others() -> None:
    ours = cells(PROXIED, "ours", [800], THOUSAND + BINARY)
    text = report([*ours, *cells("FastAPI", "baseline", [100], THOUSAND), *cells("A", "product", [50], THOUSAND)])
    assert f"| {PROXIED}, 1,000 rows, binary: at least 5.0 times the fastest peer | 8.00 | reached |" in text


def test_references_are_told_apart(tmp_path: Path) -> None:
    every = [
        *cells(PROXIED, "ours", [100]),
        *cells(PROXIED, "ours", [77], HANDSHAKES),
        *cells("FastAPI", "baseline", [100]),
        *cells("nginx, constant answer", "reference", [50_000], "constant"),
    ]
    write_json(tmp_path / "figures.json", every, PLAN)
    assert read_json(tmp_path / "figures.json") == every
    assert json.loads((tmp_path / "figures.json").read_text("utf-8"))["about"]["others_cpu"] == 0.2
    text = report(every)
    assert "| nginx, constant answer | constant, x16 | 50,000 | 10% |" in text
    assert f"| {PROXIED} | handshakes, x16 | 77 | 10% |" in text


def test_text_and_float32_are_the_same_number() -> None:
    table = rows(50, seed=3)
    assert np.array_equal(np.array(json.loads(as_json(numbers(table))), dtype=np.float32), table)
    assert len(str(numbers(table)[0][0])) <= len("-1.2345")
