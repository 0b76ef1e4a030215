"""What tells runs apart: facts, parameters and metrics side by side, the best value marked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd
import streamlit as st

from frontend.components import run_words, states, times, words
from signet_client.run_types import Run

MARK = "★"
FACTS: Mapping[str, Callable[[Run], str]] = {
    "Experiment": lambda run: run["experiment"],
    "Version": lambda run: run_words.version(run) or run_words.NONE,
    "State": lambda run: words.STATES[run["state"]][0],
    "Dataset": lambda run: run_words.data_exactly(run) or run_words.NONE,
    "Started": lambda run: times.local(run["started_at"]),
    "Took": run_words.took,
    "By": lambda run: run["created_by"] or run_words.NONE,
}
Line = tuple[str, list[str]]


def draw(runs: Sequence[Run]) -> None:
    """Everything that is known of the runs, or only what differs."""
    only = False
    if len(runs) > 1:
        only = st.toggle("Differences only", value=True, key="differences_only", bind="query-params")
        _comparable(runs)
    parts = {"Metrics": _metrics(runs), "Parameters": _params(runs), "Tags": _tags(runs), "Origin": _facts(runs)}
    shown = {title: [line for line, differs in lines if differs or not only] for title, lines in parts.items() if lines}
    _table(shown, run_words.labels(runs))
    if len(runs) > 1:
        alike = [title.lower() for title, lines in shown.items() if not lines]
        st.caption(
            " ".join(
                [f"{MARK} is the best of these runs.", *(f"The same in all: {', '.join(alike)}." for _ in alike[:1])]
            )
        )
    elif runs[0]["note"]:
        st.markdown(f"**Note**\n\n{states.plain(runs[0]['note'])}")


def _table(parts: Mapping[str, Sequence[Line]], labels: Mapping[str, str]) -> None:
    """One table for all parts, so that their columns stand below each other."""
    heads = [states.plain(label) for label in labels.values()]
    rows: list[list[str]] = []
    for title, lines in parts.items():
        if lines:
            rows.append([f"**{title}**", *("" for _ in heads)])
            rows += [[states.plain(name), *cells] for name, cells in lines]
    table = pd.DataFrame(rows, columns=["", *heads])
    st.table(table, border="horizontal", hide_index=True, alt=f"What is known of {words.count(len(heads), 'run')}")


def _metrics(runs: Sequence[Run]) -> list[tuple[Line, bool]]:
    return [_metric(name, runs) for name in run_words.names(runs, "metrics")]


def _metric(name: str, runs: Sequence[Run]) -> tuple[Line, bool]:
    values = {run["id"]: run["metrics"].get(name) for run in runs}
    best = run_words.best(name, values)
    cells = [
        f"**{words.number(value)} {MARK}**" if run_id in best else states.plain(words.number(value))
        for run_id, value in values.items()
    ]
    return (words.metric(name).label, cells), not run_words.are_same(values.values())


def _params(runs: Sequence[Run]) -> list[tuple[Line, bool]]:
    return [_line(name, [run["params"].get(name) for run in runs]) for name in sorted(run_words.names(runs, "params"))]


def _tags(runs: Sequence[Run]) -> list[tuple[Line, bool]]:
    return [_line(name, [run["tags"].get(name) for run in runs]) for name in run_words.names(runs, "tags")]


def _facts(runs: Sequence[Run]) -> list[tuple[Line, bool]]:
    return [_line(name, [fact(run) for run in runs]) for name, fact in FACTS.items()]


def _line(name: str, values: Sequence[str | None]) -> tuple[Line, bool]:
    cells = [states.plain(run_words.NONE if value is None else value) for value in values]
    return (name, cells), not run_words.are_same(values)


def _comparable(runs: Sequence[Run]) -> None:
    """Metrics of other rows are other numbers: say so before anybody reads them."""
    for reason in reasons(runs):
        st.warning(reason, icon=":material/balance:")


def reasons(runs: Sequence[Run]) -> Iterator[str]:
    """Why the metrics of these runs cannot be held against each other, in words."""
    if len({run["params"]["target"] for run in runs if "target" in run["params"]}) > 1:
        yield "These runs predict different columns, so their metrics measure different things."
    elif len({run_words.data_exactly(run) for run in runs}) > 1:
        yield "These runs learnt from different tables, so their metrics are of different rows."
    elif len({run["params"].get("seed") for run in runs if run["job_id"]}) > 1:
        yield "These runs have different seeds, so they were judged on different rows of the table."
