"""What all charts have in common."""

from __future__ import annotations

from typing import Any

import altair as alt
import streamlit as st


def ink() -> str:
    """The colour of text in a chart: the theme's, which Streamlit gives to axes and not to marks."""
    return "#e4eae7" if st.context.theme.type == "dark" else "#0f1715"


def paper() -> str:
    """The colour behind a chart, for text on what is filled with the strongest colour, and around text that lines cross."""
    return "#121715" if st.context.theme.type == "dark" else "#ffffff"


def legend(**more: Any) -> alt.Legend:
    """A legend above the chart, close to it; a long one in several columns, so that a narrow screen shows all of it."""
    return alt.Legend(orient="top", offset=6, padding=0, title=None, **more)
