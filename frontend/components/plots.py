"""Plots of the API (data and a form) drawn as charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import altair as alt
import pandas as pd
import streamlit as st

from frontend.components import charts
from signet_client.types import Plot

Chart = alt.Chart | alt.LayerChart | alt.FacetChart
HEIGHT = 300
LEGEND_COLUMNS = 2
# From corner to corner: where a model that guesses, or one that is always right, would lie.
DIAGONALS = {"roc", "calibration", "predicted_vs_actual"}
ZEROS = {"residuals"}
MEANINGS = {
    "roc": "The further the curve bends to the upper left, the better; the dashed line is guessing.",
    "pr": "How many of its alarms are right (precision) when it finds that share of the cases (recall).",
    "calibration": "On the dashed line, a probability of 0.7 is right seven times in ten.",
    "confusion_matrix": "Rows are the truth, columns the prediction; the diagonal is right.",
    "predicted_vs_actual": "On the dashed line the prediction is exact.",
    "residuals": "What the prediction missed; there should be no pattern around the dashed line.",
    "feature_importance": "The share that each column has in the model's decisions.",
    "fitting": "Learning stops where this no longer gets better.",
}


def draw(plot: Plot) -> None:
    """One plot with its title, what it says, and a text for those who do not see it."""
    form = FORMS.get(str(plot.get("form")))
    if form is None:
        return
    meaning = MEANINGS.get(str(plot["name"]), "")
    st.markdown(f"**{plot['title']}**", help=meaning or None)
    st.altair_chart(form(plot), width="stretch", alt=f"{plot['title']}. {meaning}")


def draw_all(plots: list[Plot]) -> None:
    """All plots, two in a row."""
    shown = [plot for plot in plots if plot.get("form") in FORMS]
    for start in range(0, len(shown), 2):
        for column, plot in zip(st.columns(2, gap="large"), shown[start : start + 2], strict=False):
            with column:
                draw(plot)


def _frame(plot: Plot) -> pd.DataFrame:
    """One row a point: x, y, series."""
    parts = [pd.DataFrame({"x": s["x"], "y": s["y"]}).assign(series=str(s["name"])) for s in plot["series"]]
    return pd.concat(parts) if parts else pd.DataFrame({"x": [], "y": [], "series": []})


def _axes(plot: Plot) -> tuple[alt.X, alt.Y]:
    x = alt.X("x:Q", title=plot["x_label"], scale=alt.Scale(zero=False))
    return x, alt.Y("y:Q", title=plot["y_label"], scale=alt.Scale(zero=False))


def _color(plot: Plot) -> alt.Color:
    many = len(plot["series"]) > 1
    legend = charts.legend(columns=LEGEND_COLUMNS, labelLimit=150) if many else None
    return alt.Color("series:N", title=None, sort=None, legend=legend)


def _lines(plot: Plot) -> Chart:
    x, y = _axes(plot)
    lines = alt.Chart(_frame(plot)).mark_line(strokeWidth=2).encode(x, y, _color(plot), order="x:Q")
    return _with_guide(plot, lines)


def _points(plot: Plot) -> Chart:
    x, y = _axes(plot)
    points = (
        alt.Chart(_frame(plot)).mark_circle(size=28, opacity=0.55).encode(x, y, _color(plot), tooltip=["x:Q", "y:Q"])
    )
    return _with_guide(plot, points)


def _with_guide(plot: Plot, chart: alt.Chart) -> Chart:
    # The legend takes its rows from the chart.
    rows = (len(plot["series"]) - 1) // LEGEND_COLUMNS
    return alt.layer(*guide(plot["name"], _frame(plot)), chart).properties(height=HEIGHT + 20 * rows)


def guide(name: str, frame: pd.DataFrame) -> list[alt.Chart]:
    """The dashed line to hold what is drawn against, where the plot has one: from corner to corner, or along zero."""
    if name not in DIAGONALS | ZEROS or not len(frame):
        return []
    ends = [min(frame[["x", "y"]].min()), max(frame[["x", "y"]].max())]
    if name in ZEROS:
        ends = [frame["x"].min(), frame["x"].max()]
    line = alt.Chart(pd.DataFrame({"x": ends, "y": [0.0, 0.0] if name in ZEROS else ends}))
    return [line.mark_line(strokeDash=[4, 4], color="gray", opacity=0.7).encode(x="x:Q", y="y:Q")]


def _bars(plot: Plot) -> Chart:
    frame = _frame(plot).head(15)
    x = alt.X("x:Q", title=plot["x_label"], axis=alt.Axis(format="%"))
    y = alt.Y("y:N", title=None, sort=None, axis=alt.Axis(labelOverlap=False, labelLimit=160))
    chart = alt.Chart(frame).mark_bar(cornerRadiusEnd=3).encode(x, y, tooltip=["y:N", alt.Tooltip("x:Q", format=".1%")])
    sized: alt.Chart = chart.properties(height=26 * len(frame) + 50)
    return sized


def _matrix(plot: Plot) -> Chart:
    labels = [str(label) for label in plot["labels"]]
    cells = [
        {"truth": labels[i], "prediction": labels[j], "rows": value, "share": value / max(1, sum(row))}
        for i, row in enumerate(plot["counts"])
        for j, value in enumerate(row)
    ]
    x = alt.X(
        "prediction:N", sort=labels, title=plot["x_label"], axis=alt.Axis(labelAngle=0 if len(labels) < 6 else -45)
    )
    y = alt.Y("truth:N", sort=labels, title=plot["y_label"])
    grid = alt.Chart(pd.DataFrame(cells)).encode(x, y)
    color = alt.Color("share:Q", title="share of the true class", scale=alt.Scale(domain=[0, 1]), legend=None)
    tiles = grid.mark_rect().encode(color=color, tooltip=["truth", "prediction", "rows"])
    ink = alt.condition("datum.share > 0.5", alt.value(charts.paper()), alt.value(charts.ink()))
    layers = [tiles, grid.mark_text(fontSize=13).encode(text="rows:Q", color=ink)] if len(labels) <= 12 else [tiles]
    return alt.layer(*layers).properties(height=max(HEIGHT, 24 * len(labels)))


FORMS: Mapping[str, Callable[[Plot], Chart]] = {
    "lines": _lines,
    "points": _points,
    "bars": _bars,
    "matrix": _matrix,
}
