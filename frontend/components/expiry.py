"""When valid certificates end, month by month, for the twelve months from now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import altair as alt
import pandas as pd
import streamlit as st

from frontend.components import charts, times, words
from signet_client.types import Certificate

MONTHS = 12


def strip(valid: Sequence[Certificate]) -> None:
    """The months as a strip of bars with their numbers, and in words for those who do not see it."""
    months = coming_months(datetime.now(times.zone()))
    ends = Counter(_month(each["not_after"]) for each in valid)
    frame = pd.DataFrame({"month": months, "certificates": [ends[month] for month in months]})
    x = alt.X(
        "month:N",
        sort=months,
        title=None,
        axis=alt.Axis(labelAngle=0, labelOverlap=False, labelExpr="split(datum.label, ' ')"),
    )
    y = alt.Y("certificates:Q", title=None, axis=None)
    bars = alt.Chart(frame).encode(x, y, tooltip=["month", "certificates"])
    numbers = (
        bars.mark_text(dy=-8, fontSize=13, color=charts.ink())
        .encode(text="certificates:Q")
        .transform_filter("datum.certificates > 0")
    )
    chart = (bars.mark_bar(cornerRadiusTopLeft=3, cornerRadiusTopRight=3) + numbers).properties(height=120)
    st.altair_chart(chart, width="stretch", alt=in_words(months, ends))


def coming_months(now: datetime) -> list[str]:
    """`Nov 2026` and the eleven months after it."""
    first = now.year * 12 + now.month - 1
    return [datetime(n // 12, n % 12 + 1, 1, tzinfo=now.tzinfo).strftime("%b %Y") for n in range(first, first + MONTHS)]


def in_words(months: Sequence[str], ends: Counter[str]) -> str:
    told = [f"{words.count(ends[month], 'certificate')} in {month}" for month in months if ends[month]]
    return f"Ends of valid certificates by month: {', '.join(told) or 'none in the coming year'}."


def _month(moment: str) -> str:
    found = times.parsed(moment)
    return found.astimezone(times.zone()).strftime("%b %Y") if found else ""
