"""One colour for each run, the same in every chart, whatever stands beside its name."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from frontend.components import charts

_LEGEND_ROW = 21


def color(order: Sequence[str], drawn: Sequence[str] | None = None) -> alt.Color:
    """The colours in the order of the chosen runs, with a legend of those that are drawn, each in a row: there is room on any screen."""
    shown = order if drawn is None else drawn
    legend = charts.legend(columns=1, labelLimit=330, values=list(shown)) if len(shown) > 1 else None
    return alt.Color("run:N", title=None, sort=None, scale=alt.Scale(domain=list(order)), legend=legend)


def height(plain: int, shown: int) -> int:
    """How high a chart has to be so that its legend takes nothing away from it."""
    return plain + (_LEGEND_ROW * shown + 12 if shown > 1 else 0)
