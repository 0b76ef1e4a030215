"""What each column of a row contributed to its answer, as bars to both sides of nothing."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd
import streamlit as st

from frontend.components import charts, words
from signet_client.types import Explanation, Value

MOST = 12
SIDES = ["for it", "against it"]
NUMBER_SIDES = ["raises it", "lowers it"]


def contributions(found: Explanation, row: Mapping[str, Value]) -> None:
    """Draw the columns that count most, the others as one bar."""
    sides = SIDES if "probabilities" in found else NUMBER_SIDES
    frame = bars(found["contributions"], row, sides)
    x = alt.X("contribution:Q", title=_unit(found))
    y = alt.Y("column:N", sort=None, title=None, axis=alt.Axis(labelLimit=220, labelOverlap=False))
    color = alt.Color("side:N", title=None, scale=alt.Scale(domain=sides), legend=charts.legend())
    chart = alt.Chart(frame).mark_bar(cornerRadiusEnd=3).encode(x, y, color, tooltip=["column", "contribution", "side"])
    st.markdown("**What each column contributed**")
    st.altair_chart(chart.properties(height=28 * len(frame) + 80), alt=_in_words(frame))
    start, score = words.number(found["start"]), words.number(found["score"])
    st.caption(
        f"It starts from {start}, and with all columns reaches {score}. What a column contributes is no cause of the truth."
    )


def bars(by_column: Mapping[str, float], row: Mapping[str, Value], sides: list[str]) -> pd.DataFrame:
    """The bars, largest first: column with its value in the row, contribution and side."""
    ranked = sorted(by_column.items(), key=lambda item: -abs(item[1]))
    shown = [(f"{name} = {_value(row.get(name))}", value) for name, value in ranked[:MOST]]
    if ranked[MOST:]:
        shown.append((words.count(len(ranked) - MOST, "other column"), sum(value for _, value in ranked[MOST:])))
    frame = pd.DataFrame(shown, columns=["column", "contribution"])
    return frame.assign(side=[sides[0] if value >= 0 else sides[1] for value in frame["contribution"]])


def _unit(found: Explanation) -> str:
    if "probabilities" not in found:
        return "Contribution, in the unit of the answer"
    return "Contribution, in log-odds" if len(found["probabilities"]) == 2 else "Contribution to the score"


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return "missing" if value is None else words.number(value) if isinstance(value, float) else words.moment(str(value))


def _in_words(frame: pd.DataFrame) -> str:
    told = [f"{one.column} {words.number(one.contribution)}" for one in frame.itertuples()]
    return f"What each column contributed: {', '.join(told)}"
