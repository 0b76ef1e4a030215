"""What all charts have in common."""

from __future__ import annotations

from typing import Any

import altair as alt


def legend(**more: Any) -> alt.Legend:
    """A legend above the chart, close to it; a long one in several columns, so that a narrow screen shows all of it."""
    return alt.Legend(orient="top", offset=6, padding=0, title=None, **more)
