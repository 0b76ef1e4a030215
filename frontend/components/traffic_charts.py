"""Traffic over time as charts: requests, errors and latencies, all together or a line for each model, version or caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import altair as alt
import pandas as pd
import streamlit as st

from frontend.components import charts, traffic
from signet_client.traffic_types import Traffic, TrafficLine, TrafficPoint

# The legend takes a part of it.
HEIGHT = 280
LEGEND_ROW = 22
MOST_LINES = 8
HOUR_SECONDS = 3600
# The third colour of the theme is a calm blue; what failed takes the fourth, which is red.
_OUTCOMES = ["answered", "refused", "", "failed"]
Chart = alt.Chart | alt.LayerChart | alt.FacetChart
Figure = Callable[[TrafficPoint], float | None]
Percentile = Literal["p50", "p95", "p99"]
PERCENTILES: tuple[Percentile, ...] = ("p50", "p95", "p99")


@dataclass(frozen=True)
class Measure:
    """How one kind of figure is written; `least` is the top of a chart on which there is nothing but zeros."""

    axis: alt.Axis
    tooltip: str
    least: float


COUNT = Measure(alt.Axis(format="~s", tickMinStep=1, title=None), ",", 1)
SHARE = Measure(alt.Axis(format="~%", title=None), ".2~%", 0.01)
MILLISECONDS = Measure(alt.Axis(format=",.3~f", title="ms"), ",.3~f", 1)


def together(found: Traffic) -> None:
    """All that was asked for as one: outcomes, the share of errors, and three percentiles."""
    line, step = found["lines"][0], found["step"]
    told = traffic.told("All", line["total"])
    _titled("Requests", "Each bar is one step of time.", _outcomes(line, step), told)
    left, right = st.columns(2, gap="large")
    with left:
        chart = _lines({"errors": (line, _rate)}, SHARE, step, None)
        _titled("Error rate", traffic.outcome(line["total"]), chart, told)
    with right:
        chart = _lines({name: (line, _milliseconds(name)) for name in PERCENTILES}, MILLISECONDS, step, charts.legend())
        _titled("Latency", traffic.LATENCY, chart, told)


def apart(found: Traffic) -> None:
    """The busiest lines, each in its colour: requests, the share of errors, and the 95th percentile."""
    lines = {traffic.line_label(line): line for line in found["lines"][:MOST_LINES]}
    told = "; ".join(traffic.told(label, line["total"]) for label, line in lines.items())

    def of_each(figure: Figure, measure: Measure, *, legend: alt.Legend | None = None) -> Chart:
        return _lines({label: (line, figure) for label, line in lines.items()}, measure, found["step"], legend)

    # One legend for all three: the colours are the same.
    requests = of_each(_requests, COUNT, legend=charts.legend(columns=2))
    _titled("Requests", "In each step of time.", requests, told, height=HEIGHT + LEGEND_ROW * (len(lines) // 2))
    left, right = st.columns(2, gap="large")
    with left:
        _titled("Error rate", "Refused and failed.", of_each(_rate, SHARE), told)
    with right:
        _titled("p95 latency", traffic.LATENCY, of_each(_milliseconds("p95"), MILLISECONDS), told)
    if len(found["lines"]) > len(lines):
        st.caption(f"The {len(lines)} busiest are drawn; the tables have the others too.")


def _titled(title: str, meaning: str, chart: Chart, told: str, *, height: int = HEIGHT) -> None:
    st.markdown(f"**{title}**", help=meaning)
    st.altair_chart(chart.properties(height=height), width="stretch", alt=f"{title} over time. {told}.")


def _requests(point: TrafficPoint) -> float:
    return point["requests"]


def _rate(point: TrafficPoint) -> float | None:
    return point["errors"] / point["requests"] if point["requests"] else None


def _milliseconds(name: Percentile) -> Figure:
    def figure(point: TrafficPoint) -> float | None:
        seconds = point[name]
        return None if seconds is None else seconds * 1000

    return figure


def _moment(point: TrafficPoint) -> float:
    """When a step begins, in milliseconds since 1970: the browser shows them in its own zone."""
    return datetime.fromisoformat(point["at"]).timestamp() * 1000


def _time(step: int) -> alt.X:
    form = "%H:%M" if step < HOUR_SECONDS else "%-d %b"
    return alt.X("at:T", title=None, axis=alt.Axis(format=form, labelOverlap=True, tickCount=6))


def _when() -> alt.Tooltip:
    return alt.Tooltip("at:T", title="from", format="%-d %b, %H:%M")


def _outcomes(line: TrafficLine, step: int) -> alt.Chart:
    """One stack for each step, as wide as the step is long."""
    frame = pd.DataFrame([part for point in line["points"] for part in _stack(point, step)])
    shown = charts.legend(values=[each for each in _OUTCOMES if each])
    color = alt.Color("outcome:N", title=None, scale=alt.Scale(domain=_OUTCOMES), legend=shown)
    y = alt.Y("low:Q", axis=COUNT.axis, scale=alt.Scale(zero=True))
    tooltip = [_when(), "outcome:N", alt.Tooltip("requests:Q", format=COUNT.tooltip)]
    parts: alt.Chart = (
        alt.Chart(frame).mark_rect().encode(_time(step), alt.X2("until"), y, alt.Y2("high"), color, tooltip=tooltip)
    )
    return parts


def _stack(point: TrafficPoint, step: int) -> Iterator[dict[str, object]]:
    begins, low = _moment(point), 0
    outcomes = (
        ("answered", point["requests"] - point["errors"]),
        ("refused", point["refused"]),
        ("failed", point["failed"]),
    )
    for outcome, count in outcomes:
        ends = {"at": begins, "until": begins + step * 1000.0, "low": low, "high": low + count}
        yield {**ends, "outcome": outcome, "requests": count}
        low += count


def _lines(
    drawn: Mapping[str, tuple[TrafficLine, Figure]], measure: Measure, step: int, legend: alt.Legend | None
) -> Chart:
    """A line of each figure, broken where nothing was measured; a step alone between two that are empty is a point."""
    rows = [row for label, (line, figure) in drawn.items() for row in _steps(label, line, figure)]
    color = alt.Color("line:N", title=None, sort=None, legend=legend)
    is_flat = not any(row["value"] for row in rows)
    y = alt.Y(
        "value:Q", axis=measure.axis, scale=alt.Scale(domain=[0, measure.least]) if is_flat else alt.Scale(zero=True)
    )
    tooltip = [_when(), alt.Tooltip("line:N"), alt.Tooltip("value:Q", format=measure.tooltip)]
    chart: alt.Chart = alt.Chart(pd.DataFrame(rows)).encode(_time(step), y, color, tooltip=tooltip)
    points = chart.mark_circle(size=40, opacity=1, aria=False).transform_filter("datum.alone")
    # Seen by nobody, but there to be pointed at.
    touched = chart.mark_circle(size=200, opacity=0, aria=False)
    return alt.layer(chart.mark_line(strokeWidth=2), points, touched)


def _steps(label: str, line: TrafficLine, figure: Figure) -> Iterator[dict[str, object]]:
    values = [figure(point) for point in line["points"]]
    for number, (point, value) in enumerate(zip(line["points"], values, strict=True)):
        around = [*values[max(0, number - 1) : number], *values[number + 1 : number + 2]]
        alone = value is not None and all(each is None for each in around)
        yield {"at": _moment(point), "line": label, "value": value, "alone": alone}
