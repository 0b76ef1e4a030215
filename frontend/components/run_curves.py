"""Metrics step by step: a line for each of the chosen runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd
import streamlit as st

from frontend import session
from frontend.components import run_colors, run_words, states, words
from signet_client.run_types import Curve, Run

HEIGHT = 320


def draw(runs: Sequence[Run]) -> None:
    """The curve of the metric that is chosen, and where each run was best."""
    metrics = list(dict.fromkeys(name for run in runs for name in run["curves"]))
    if not metrics:
        states.empty("None of these runs logged a metric step by step. Boosted trees do, one step for each round.")
        return
    metric = st.selectbox(
        "Metric",
        metrics,
        key="curve",
        format_func=lambda name: words.metric(name).label,
        width=320,
        bind="query-params",
    )
    with states.loading(HEIGHT):
        curves = session.api().experiments.curves([run["id"] for run in runs], metric)
    labels = run_words.labels(runs)
    rows = [_best(metric, labels[curve["run_id"]], curve) for curve in curves]
    told = "; ".join(f"{row['Run']}: best {row['Best']} at step {row['At step']}" for row in rows)
    label = words.metric(metric).label
    st.altair_chart(_chart(curves, labels, label), width="stretch", alt=f"{label} step by step. {told}.")
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt=f"Where each run was best in {label}")
    without = [labels[run["id"]] for run in runs if run["id"] not in {curve["run_id"] for curve in curves}]
    if without:
        st.caption(f"Without this metric step by step: {states.plain(', '.join(without))}.")


def _best(metric: str, label: str, curve: Curve) -> dict[str, str]:
    points = [(value, step) for step, value in zip(curve["steps"], curve["values"], strict=True) if value is not None]
    last = words.number(points[-1][0]) if points else run_words.NONE
    more = run_words.more_is_better(metric)
    if not points or more is None:
        return {"Run": states.plain(label), "Best": "\\-", "At step": "\\-", "Last": last, "Steps": _steps(curve)}
    top = max(value for value, _ in points) if more else min(value for value, _ in points)
    step = next(step for value, step in points if value == top)
    return {
        "Run": states.plain(label),
        "Best": states.plain(words.number(top)),
        "At step": words.number(step),
        "Last": states.plain(last),
        "Steps": _steps(curve),
    }


def _steps(curve: Curve) -> str:
    return words.number(curve["steps"][-1]) if curve["steps"] else "0"


def _chart(curves: Sequence[Curve], labels: Mapping[str, str], title: str) -> alt.Chart:
    rows = [
        {"step": step, "value": value, "run": labels[curve["run_id"]]}
        for curve in curves
        for step, value in zip(curve["steps"], curve["values"], strict=True)
    ]
    shown = [labels[curve["run_id"]] for curve in curves]
    color = run_colors.color(list(labels.values()), shown)
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    x = alt.X("step:Q", title="step", axis=alt.Axis(tickMinStep=1))
    lines = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(strokeWidth=2)
        .encode(x, y, color, tooltip=["run:N", "step:Q", "value:Q"])
    )
    drawn: alt.Chart = lines.properties(height=run_colors.height(HEIGHT, len(shown)))
    return drawn
