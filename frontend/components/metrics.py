"""Metrics of a model as tiles and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st

from frontend.components import words

SAME = "the same"


def headline(metrics: Mapping[str, float], task: str | None) -> list[str]:
    """The few metrics that say most for the task; those that are there where it is not known."""
    wanted = words.HEADLINE.get(task or "", tuple(words.METRICS))
    return [name for name in wanted if name in metrics][:4]


def tiles(metrics: Mapping[str, float], task: str | None, *, against: Mapping[str, float] | None = None) -> None:
    """The headline metrics; `against` adds the difference to those of another version."""
    names = headline(metrics, task)
    if not names:
        return
    with st.container(horizontal=True, key=f"tiles_{'against' if against else 'alone'}"):
        for name in names:
            known = words.metric(name)
            delta = _difference(metrics[name], against.get(name)) if against else None
            better: Literal["normal", "inverse"] = "normal" if known.more_is_better else "inverse"
            st.metric(
                known.label,
                words.number(metrics[name]),
                delta,
                delta_color="off" if delta == SAME else better,
                delta_arrow="off" if delta == SAME else "auto",
                help=known.meaning,
                border=True,
            )


def _difference(value: float, other: float | None) -> str | None:
    if other is None:
        return None
    text = f"{value - other:+.4g}"
    return SAME if abs(value - other) <= 1e-6 * abs(other) else text


def table(metrics: Mapping[str, float]) -> None:
    """All metrics, with what they mean."""
    rows = [
        {"Metric": words.metric(name).label, "Value": words.number(value), "What it says": words.metric(name).meaning}
        for name, value in metrics.items()
    ]
    st.dataframe(rows, hide_index=True, alt="All metrics of the model")
