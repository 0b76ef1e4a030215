"""Traffic over time as charts: requests, errors and latencies, all together or a line for each model, version or caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import altair as alt
import pandas as pd
import streamlit as st

from frontend.components import traffic
from signet_client.traffic_types import Traffic, TrafficLine, TrafficPoint

HEIGHT = 220
MOST_LINES = 8
# The third colour of the theme is a calm blue; what failed takes the fourth, which is red.
_OUTCOMES = ["answered", "refused", "", "failed"]
_WHEN = "%-d %b, %H:%M"
Figure = Callable[[TrafficPoint], float | None]
Percentile = Literal["p50", "p95", "p99"]
PERCENTILES: tuple[Percentile, ...] = ("p50", "p95", "p99")


def together(found: Traffic) -> None:
    """All that was asked for as one: outcomes, the share of errors, and three percentiles."""
    line = found["lines"][0]
    told = traffic.told("All", line["total"])
    bars = _outcomes(line, timedelta(seconds=found["step"]))
    _titled("Requests", "Each bar is one step of time.", bars, told)
    left, right = st.columns(2, gap="large")
    with left:
        _titled("Error rate", traffic.outcome(line["total"]), _lines({"errors": (line, _rate)}, "%"), told)
    with right:
        chart = _lines({name: (line, _milliseconds(name)) for name in PERCENTILES}, "~g", unit="ms")
        _titled("Latency", traffic.LATENCY, chart, told)


def apart(found: Traffic) -> None:
    """The busiest lines, each in its colour: requests, the share of errors, and the 95th percentile."""
    lines = {traffic.line_label(line): line for line in found["lines"][:MOST_LINES]}
    told = "; ".join(traffic.told(label, line["total"]) for label, line in lines.items())
    _titled("Requests", "In each step of time.", _of_each(lines, _requests, "~s"), told)
    left, right = st.columns(2, gap="large")
    with left:
        _titled("Error rate", "Refused and failed.", _of_each(lines, _rate, "%"), told)
    with right:
        _titled("p95 latency", traffic.LATENCY, _of_each(lines, _milliseconds("p95"), "~g", unit="ms"), told)
    if len(found["lines"]) > len(lines):
        st.caption(f"The {len(lines)} busiest are drawn; the tables have the others too.")


def _titled(title: str, meaning: str, chart: alt.Chart, told: str) -> None:
    st.markdown(f"**{title}**", help=meaning)
    st.altair_chart(chart, width="stretch", alt=f"{title} over time. {told}.")


def _requests(point: TrafficPoint) -> float:
    return point["requests"]


def _rate(point: TrafficPoint) -> float | None:
    return point["errors"] / point["requests"] if point["requests"] else None


def _milliseconds(name: Percentile) -> Figure:
    def figure(point: TrafficPoint) -> float | None:
        seconds = point[name]
        return None if seconds is None else seconds * 1000

    return figure


def _moment(point: TrafficPoint) -> int:
    """When a step begins, in milliseconds since 1970: the browser shows them in its own zone."""
    return round(datetime.fromisoformat(point["at"]).timestamp() * 1000)


def _time() -> alt.X:
    return alt.X("at:T", title=None, axis=alt.Axis(labelOverlap=True, tickCount=6))


def _outcomes(line: TrafficLine, step: timedelta) -> alt.Chart:
    rows = [
        {"at": _moment(point), "outcome": outcome, "requests": count}
        for point in line["points"]
        for outcome, count in _counted(point)
    ]
    frame = pd.DataFrame(rows)
    frame["until"] = frame["at"] + round(step.total_seconds() * 1000)
    shown = alt.Legend(orient="bottom", values=[each for each in _OUTCOMES if each])
    color = alt.Color("outcome:N", title=None, scale=alt.Scale(domain=_OUTCOMES), legend=shown)
    y = alt.Y("requests:Q", title=None, stack="zero", axis=alt.Axis(tickMinStep=1, format="~s"))
    tooltip = [alt.Tooltip("at:T", title="from", format=_WHEN), "outcome:N", "requests:Q"]
    chart = alt.Chart(frame).mark_bar().encode(_time(), alt.X2("until:T"), y, color, tooltip=tooltip)
    sized: alt.Chart = chart.properties(height=HEIGHT)
    return sized


def _counted(point: TrafficPoint) -> Sequence[tuple[str, int]]:
    return [
        ("answered", point["requests"] - point["errors"]),
        ("refused", point["refused"]),
        ("failed", point["failed"]),
    ]


def _of_each(lines: dict[str, TrafficLine], figure: Figure, form: str, *, unit: str | None = None) -> alt.Chart:
    return _lines({label: (line, figure) for label, line in lines.items()}, form, unit=unit)


def _lines(drawn: dict[str, tuple[TrafficLine, Figure]], form: str, *, unit: str | None = None) -> alt.Chart:
    """A line of each figure; where there were no requests it is broken, so that nothing is drawn that was not measured."""
    rows = [
        {"at": _moment(point), "line": label, "value": figure(point)}
        for label, (line, figure) in drawn.items()
        for point in line["points"]
    ]
    legend = alt.Legend(orient="bottom", columns=2 if len(drawn) > len(PERCENTILES) else 0)
    color = alt.Color("line:N", title=None, sort=None, legend=legend if len(drawn) > 1 else None)
    y = alt.Y("value:Q", title=unit, axis=alt.Axis(format=form))
    tooltip = [alt.Tooltip("at:T", title="from", format=_WHEN), "line:N", alt.Tooltip("value:Q", format=".3~g")]
    mark = alt.Chart(pd.DataFrame(rows)).mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=14))
    sized: alt.Chart = mark.encode(_time(), y, color, tooltip=tooltip).properties(height=HEIGHT)
    return sized
