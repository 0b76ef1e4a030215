"""Runs as a table with the columns that a person chose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from frontend.components import chosen_runs, run_words, times, words
from signet_client.run_types import Run

MOST_METRICS, MOST_PARAMS = 5, 4
RUN = "fact:Run"
FACTS: Mapping[str, Callable[[Run], object]] = {
    "Run": lambda run: run["name"] or run["id"][:8],
    "Experiment": lambda run: run["experiment"],
    "Version": run_words.version,
    "State": lambda run: words.STATES[run["state"]][0],
    "Started": lambda run: _in_utc(run["started_at"]),
    "Started (UTC)": lambda run: times.utc(run["started_at"]).removesuffix(" UTC"),
    "Took": run_words.took,
    "Dataset": run_words.data,
    "By": lambda run: run["created_by"],
    "Run id": lambda run: run["id"],
}
USUAL = ("Run", "Experiment", "Version", "State", "Started", "Dataset")


def columns(runs: Sequence[Run]) -> list[str]:
    """The choice of columns behind a button; as ids, `fact:State`, `param:max_depth`, `metric:accuracy`."""
    every = [
        *(f"fact:{name}" for name in FACTS if f"fact:{name}" != RUN),
        *(f"metric:{name}" for name in run_words.names(runs, "metrics")),
        *(f"param:{name}" for name in run_words.names(runs, "params")),
    ]
    usual = usual_columns(runs)
    with st.popover("Columns", icon=":material/view_column:"):
        chosen = st.multiselect(
            "Columns of the table",
            every,
            default=[column for column in usual if column in every],
            format_func=_described,
            # What is usual depends on the runs; a choice of one's own is kept while they stay the same kind.
            key=f"run_columns_{hash(tuple(usual))}",
            persist_state="session",
            wrap=True,
        )
    return [RUN, *chosen]


def usual_columns(runs: Sequence[Run]) -> list[str]:
    """Where the runs come from, the metrics that say most, and the parameters in which they differ."""
    metrics, params = run_words.headline(runs)[:MOST_METRICS], run_words.differing(runs)[:MOST_PARAMS]
    facts = [f"fact:{name}" for name in USUAL]
    return [*facts, *(f"metric:{name}" for name in metrics), *(f"param:{name}" for name in params)]


def draw(runs: Sequence[Run], shown: Sequence[str]) -> None:
    """The table; its ticks are the runs to compare."""
    ids = [run["id"] for run in runs]
    key = chosen_runs.table_key(ids)
    st.dataframe(
        frame(runs, shown),
        hide_index=True,
        column_config={column: _look(column) for column in shown},
        key=key,
        on_select=partial(chosen_runs.pick, key, ids),
        selection_mode="multi-row",
        selection_default=chosen_runs.ticks(ids),
        placeholder="-",
        alt="Runs with the chosen columns. The field below chooses the same runs by keyboard.",
    )


def frame(runs: Sequence[Run], shown: Sequence[str]) -> pd.DataFrame:
    """A row a run; a parameter whose values are numbers is sorted as numbers."""
    return pd.DataFrame({column: _values(runs, column) for column in shown})


def _in_utc(text: str | None) -> datetime | None:
    """A moment without its zone: the column shows it in the person's, and takes what has none for UTC."""
    moment = times.parsed(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None


def _values(runs: Sequence[Run], column: str) -> list[Any]:
    kind, _, name = column.partition(":")
    if kind == "fact":
        return [FACTS[name](run) for run in runs]
    if kind == "metric":
        return [run["metrics"].get(name) for run in runs]
    texts = [run["params"].get(name) for run in runs]
    numbers = [run_words.as_number(text) for text in texts]
    return numbers if all(n is not None or t is None for n, t in zip(numbers, texts, strict=True)) else texts


def _look(column: str) -> Any:
    kind, _, name = column.partition(":")
    if column == "fact:Started":
        zone = str(times.zone())
        told = f"In your zone, {zone}. The column “Started (UTC)” has it in UTC."
        return st.column_config.DatetimeColumn(name, format="D MMM YYYY, HH:mm", timezone=zone, help=told)
    if kind == "metric":
        metric = words.metric(name)
        return st.column_config.NumberColumn(metric.label, format="%.4g", width=100, help=metric.meaning or None)
    return st.column_config.Column(name, pinned=column == RUN, width=110 if column == "fact:Version" else None)


def _described(column: str) -> str:
    kind, _, name = column.partition(":")
    if kind == "fact":
        return name
    return f"{words.metric(name).label} (metric)" if kind == "metric" else f"{name} (parameter)"
