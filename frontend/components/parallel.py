"""Parallel coordinates: one axis for each parameter or metric, one line for each run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from frontend.components import charts, run_colors, run_words, words
from signet_client.run_types import Run

ROW, PADDING = 66, 40
MOST_AXES, MOST_VALUES, MOST_PARAMS = 10, 8, 5
# Beyond this the smaller values would lie on top of each other.
LOG_FROM = 50.0
LONGEST = 18


@dataclass(frozen=True)
class Axis:
    """Where each run lies on one axis, 0 to 1 (None where it has no value), what it has there, and what stands along it."""

    title: str
    places: list[float | None]
    texts: list[str]
    ticks: list[tuple[float, str]]


def draw(runs: Sequence[Run], chosen: Sequence[Run]) -> None:
    """The runs as lines; the chosen ones in colour, the others behind them."""
    axes = [found for column in _columns(runs) if (found := axis(runs, column)) is not None]
    if len(axes) < 2:
        st.caption("Nothing differs between these runs on two axes or more. Choose other axes, or more runs.")
        return
    labels = run_words.labels(runs)
    ids = {run["id"] for run in chosen}
    frame = pd.DataFrame(
        [row for n, run in enumerate(runs) for row in _rows(axes, n, run["id"] in ids, labels[run["id"]])]
    )
    order = [labels[run["id"]] for run in chosen]
    told = f"{words.count(len(runs), 'run')} on the axes {', '.join(each.title for each in axes)}"
    st.altair_chart(_chart(axes, frame, order), width="stretch", alt=f"Parallel coordinates: {told}.")
    st.caption(
        "Each line is a run; it crosses each axis at its value."
        + (" Grey: the other runs of the table." if order else "")
    )


def _columns(runs: Sequence[Run]) -> list[str]:
    """The axes that a person chose, else the parameters that differ and the metrics that say most."""
    params, metrics = run_words.names(runs, "params"), run_words.names(runs, "metrics")
    every = [*(f"param:{name}" for name in sorted(params)), *(f"metric:{name}" for name in metrics)]
    usual = [
        *(f"param:{name}" for name in run_words.differing(runs)[:MOST_PARAMS]),
        *(f"metric:{name}" for name in run_words.headline(runs)[:2]),
    ]
    with st.popover("Axes", icon=":material/tune:"):
        return st.multiselect(
            "Axes, from top to bottom",
            every,
            default=usual,
            format_func=_title,
            max_selections=MOST_AXES,
            key=f"axes_{hash(tuple(usual))}",
            persist_state="session",
            wrap=True,
        )


def _title(column: str) -> str:
    kind, _, name = column.partition(":")
    return words.metric(name).label if kind == "metric" else name


def axis(runs: Sequence[Run], column: str) -> Axis | None:
    """The axis of a parameter or metric; None where no run has a value."""
    kind, _, name = column.partition(":")
    texts = [_text(run, kind, name) for run in runs]
    numbers = [run_words.as_number(text) for text in texts]
    if not any(text is not None for text in texts):
        return None
    if all(number is not None for number, text in zip(numbers, texts, strict=True) if text is not None):
        return _of_numbers(_title(column), numbers)
    return _of_texts(_title(column), texts)


def _text(run: Run, kind: str, name: str) -> str | None:
    if kind == "param":
        return run["params"].get(name)
    value = run["metrics"].get(name)
    return None if value is None else repr(value)


def _of_numbers(title: str, numbers: Sequence[float | None]) -> Axis:
    found = [number for number in numbers if number is not None]
    low, high = min(found), max(found)
    is_log = low > 0 and high / low >= LOG_FROM
    scaled = [None if n is None else math.log(n) if is_log else n for n in numbers]
    bottom, size = (math.log(low) if is_log else low), (math.log(high / low) if is_log else high - low)
    places = [None if n is None else (n - bottom) / size if size else 0.5 for n in scaled]
    ticks = [(0.0, words.number(low)), (1.0, words.number(high))] if size else [(0.5, words.number(low))]
    texts = [run_words.NONE if n is None else words.number(n) for n in numbers]
    return Axis(f"{title}, logarithmic" if is_log else title, places, texts, ticks)


def _of_texts(title: str, texts: Sequence[str | None]) -> Axis:
    values = sorted({text for text in texts if text is not None})
    step = 1 / max(1, len(values) - 1)
    at = {text: n * step if len(values) > 1 else 0.5 for n, text in enumerate(values)}
    shown = values if len(values) <= MOST_VALUES else [values[0], values[-1]]
    places = [None if text is None else at[text] for text in texts]
    told = [run_words.NONE if text is None else text for text in texts]
    return Axis(title, places, told, [(at[text], _short(text)) for text in shown])


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _rows(axes: Sequence[Axis], n: int, is_chosen: bool, label: str) -> list[dict[str, object]]:  # noqa: FBT001
    return [
        {
            "axis": place,
            "at": each.places[n],
            "value": f"{each.title}: {each.texts[n]}",
            "run": label,
            "chosen": is_chosen,
        }
        for place, each in enumerate(axes)
    ]


def _chart(axes: Sequence[Axis], frame: pd.DataFrame, order: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    x = alt.X("at:Q", scale=alt.Scale(domain=[0, 1]), axis=None)
    y = alt.Y("axis:O", scale=alt.Scale(padding=0.5), axis=None)
    rules = pd.DataFrame({"axis": range(len(axes)), "from": 0.0, "to": 1.0, "title": [each.title for each in axes]})
    lying = alt.Chart(rules).mark_rule(color="gray", opacity=0.5).encode(alt.X("from:Q", axis=None), y, x2="to")
    titles = alt.Chart(rules).encode(alt.X("from:Q", axis=None), y, text="title:N")
    told = {"align": "left", "dy": -14, "fontSize": 13, "fontWeight": "bold"}
    ticks = pd.DataFrame(
        [(n, *tick) for n, each in enumerate(axes) for tick in each.ticks], columns=["axis", "at", "tick"]
    )
    edge = "datum.at < 0.02 ? 'left' : datum.at > 0.98 ? 'right' : 'center'"
    values = alt.Chart(ticks).encode(x, y, text="tick:N")
    lines = [lying, *_lines(frame, order, x, y)]
    texts = [*_haloed(titles, **told), *_haloed(values, align=alt.expr(edge), dy=14, fontSize=12)]
    return alt.layer(*lines, *texts).properties(height=run_colors.height(ROW * len(axes) + PADDING, len(order)))


def _haloed(text: alt.Chart, **look: Any) -> list[alt.Chart]:
    """Text that is read where lines cross it."""
    halo = text.mark_text(stroke=charts.paper(), strokeWidth=4, strokeJoin="round", **look)
    return [halo, text.mark_text(color=charts.ink(), **look)]


def _lines(frame: pd.DataFrame, order: Sequence[str], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    tooltip = ["run:N", "value:N"]
    line = alt.Chart(frame).encode(x, y, detail="run:N", order="axis:O", tooltip=tooltip)
    if not order:
        return [line.mark_line(opacity=0.45, strokeWidth=1.5), line.mark_circle(size=46, opacity=0.8)]
    color = run_colors.color(order)
    others = line.transform_filter("!datum.chosen").mark_line(color="gray", opacity=0.25, strokeWidth=1.2)
    ours = line.transform_filter("datum.chosen").encode(color=color)
    return [others, ours.mark_line(strokeWidth=2.5), ours.mark_circle(size=60, opacity=1)]
