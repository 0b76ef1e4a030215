"""The evaluations of several runs in one chart: their curves, what each goes by, and their clouds on the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from frontend.components import plots, run_colors, states, words
from signet_client.types import Plot

HEIGHT, ROW = 300, 15
MOST_COLUMNS = 10
AREAS = {"roc": "AUC", "pr": "AP"}
Found = Mapping[str, Plot]


def named(label: str, plot: str, line: Mapping[str, Any]) -> str:
    """What a line is called, with the area under it where it has one."""
    area = line.get("area")
    return f"{label} · {AREAS[plot]} {words.number(area)}" if plot in AREAS and area is not None else label


def curves(found: Found, chosen: str) -> None:
    """A line for each run: that of the chosen class."""
    first = next(iter(found.values()))
    lines = [
        (named(label, plot["name"], line), line)
        for label, plot in found.items()
        for line in plot["series"]
        if line["name"] == chosen
    ]
    rows = [
        {"x": x, "y": y, "at": at, "run": name}
        for name, line in lines
        for at, (x, y) in enumerate(zip(line["x"], line["y"], strict=True))
    ]
    if not rows:
        return
    x, y = (alt.X("x:Q", title=first["x_label"]), alt.Y("y:Q", title=first["y_label"], scale=alt.Scale(zero=False)))
    color = run_colors.color([name for name, _ in lines])
    tooltip = ["run:N", alt.Tooltip("x:Q", format=".3~f"), alt.Tooltip("y:Q", format=".3~f")]
    drawn = alt.Chart(pd.DataFrame(rows)).mark_line(strokeWidth=2).encode(x, y, color, order="at:Q", tooltip=tooltip)
    layers = [*plots.guide(first["name"], pd.DataFrame(rows)), drawn]
    _titled(
        first, alt.layer(*layers).properties(height=run_colors.height(HEIGHT, len(lines))), [name for name, _ in lines]
    )


def importances(found: Found) -> None:
    """Bars beside each other for the columns that count most in any run."""
    first = next(iter(found.values()))
    shares = {
        label: dict(zip(line["y"], line["x"], strict=True))
        for label, plot in found.items()
        for line in plot["series"][:1]
    }
    largest: dict[str, float] = {}
    for of_column in shares.values():
        for column, share in of_column.items():
            largest[column] = max(share, largest.get(column, 0.0))
    columns = sorted(largest, key=lambda column: -largest[column])[:MOST_COLUMNS]
    rows = [
        {"column": column, "share": of_column.get(column, 0.0), "run": label}
        for label, of_column in shares.items()
        for column in columns
    ]
    y = alt.Y("column:N", sort=columns, title=None, axis=alt.Axis(labelLimit=160))
    x = alt.X("share:Q", title=first["x_label"], axis=alt.Axis(format="%"))
    bars = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar()
        .encode(
            x,
            y,
            run_colors.color(list(shares)),
            yOffset=alt.YOffset("run:N", sort=list(shares)),
            tooltip=["run:N", "column:N", alt.Tooltip("share:Q", format=".1%")],
        )
    )
    _titled(
        first,
        bars.properties(height=run_colors.height((ROW * len(shares) + 8) * len(columns) + 60, len(shares))),
        list(shares),
    )


def clouds(found: Found) -> None:
    """A cloud for each run, side by side on the same axes."""
    every = [line for plot in found.values() for line in plot["series"]]
    x, y = ([value for line in every for value in line[side]] for side in ("x", "y"))
    if not x:
        return
    first = next(iter(found.values()))
    order = list(found)
    encodings = (
        alt.X("x:Q", title=first["x_label"], scale=alt.Scale(domain=[min(x), max(x)], zero=False, nice=True)),
        alt.Y("y:Q", title=first["y_label"], scale=alt.Scale(domain=[min(y), max(y)], zero=False, nice=True)),
        alt.Color("run:N", scale=alt.Scale(domain=order), legend=None),
    )
    headed(first)
    for place, (label, plot) in zip(side_by_side(len(found)), found.items(), strict=True):
        rows = pd.DataFrame([{"x": x, "y": y} for s in plot["series"] for x, y in zip(s["x"], s["y"], strict=True)])
        points = alt.Chart(rows.assign(run=label)).mark_circle(size=26, opacity=0.55)
        drawn = points.encode(
            *encodings, tooltip=[alt.Tooltip("x:Q", format=".4~g"), alt.Tooltip("y:Q", format=".4~g")]
        )
        ends = pd.DataFrame({"x": [min(x), max(x)], "y": [min(y), max(y)]})
        layers = [*plots.guide(plot["name"], ends), drawn]
        with place:
            st.caption(states.plain(label))
            _drawn(plot, alt.layer(*layers).properties(height=HEIGHT), [label])


def matrices(found: Found) -> None:
    """The confusion matrices side by side."""
    headed(next(iter(found.values())))
    for place, (label, plot) in zip(side_by_side(len(found)), found.items(), strict=True):
        with place:
            st.caption(states.plain(label))
            _drawn(plot, plots.FORMS["matrix"](plot), [label])


def side_by_side(count: int) -> Sequence[DeltaGenerator]:
    """A place for each of so many: two or three in a row."""
    in_row = 2 if count in {1, 2, 4} else 3
    places = [place for _ in range(-(-count // in_row)) for place in st.columns(in_row, gap="medium")]
    return places[:count]


def headed(plot: Plot) -> None:
    st.markdown(f"**{plot['title']}**", help=plots.MEANINGS.get(plot["name"]) or None)


def _titled(plot: Plot, chart: plots.Chart, labels: Sequence[str]) -> None:
    headed(plot)
    _drawn(plot, chart, labels)


def _drawn(plot: Plot, chart: plots.Chart, labels: Sequence[str]) -> None:
    meaning = plots.MEANINGS.get(plot["name"], "")
    st.altair_chart(chart, width="stretch", alt=f"{plot['title']} of {'; '.join(labels)}. {meaning}")
