"""Plots as pictures: a plot as data comes in; a PNG file goes out."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backend.training.plots import Plot

_SIZE = (6.4, 4.8)
_MOST_NUMBERS = 12


def draw(plot: Plot, path: Path) -> None:
    """Write the picture of a plot.

    Figures are objects of their own here; pyplot would keep each of them in the process.
    """
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    _FORMS[plot["form"]](axes, plot)
    axes.set(title=plot["title"], xlabel=plot["x_label"], ylabel=plot["y_label"])
    # The field named Software would change the bytes with every release of the library.
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _lines(axes: Axes, plot: Plot) -> None:
    for series in plot["series"]:
        axes.plot(series["x"], series["y"], label=_label(series["name"]))
    if plot["name"] in {"roc", "calibration"}:
        axes.plot([0, 1], [0, 1], color="0.7", linestyle="--")
    axes.grid(color="0.9")
    if len(plot["series"]) > 1:
        axes.legend(fontsize="small")


def _points(axes: Axes, plot: Plot) -> None:
    for series in plot["series"]:
        axes.scatter(series["x"], series["y"], s=10, alpha=0.5)
    x = [value for series in plot["series"] for value in series["x"]]
    ends = [min(x, default=0), max(x, default=1)]
    axes.plot(ends, [0, 0] if plot["name"] == "residuals" else ends, color="0.7", linestyle="--")
    axes.grid(color="0.9")


def _bars(axes: Axes, plot: Plot) -> None:
    series = plot["series"][0]
    places = range(len(series["x"]))
    axes.barh(places, series["x"])
    axes.set_yticks(places, [_label(name) for name in series["y"]], fontsize="small")
    axes.invert_yaxis()


def _matrix(axes: Axes, plot: Plot) -> None:
    counts, labels = plot["counts"], [_label(label) for label in plot["labels"]]
    axes.imshow(counts, cmap="Blues")
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize="small")
    axes.set_yticks(range(len(labels)), labels, fontsize="small")
    if len(labels) > _MOST_NUMBERS:
        return
    largest = max(max(row) for row in counts)
    for row, values in enumerate(counts):
        for column, count in enumerate(values):
            axes.text(
                column, row, str(count), ha="center", va="center", color="white" if count > largest / 2 else "black"
            )


def _label(name: Any) -> str:
    """A name as plain text: short, its `$` no formula, and not hidden for a leading underscore."""
    text = str(name) if len(str(name)) <= 30 else f"{str(name)[:29]}…"
    return (" " + text if text.startswith("_") else text).replace("$", r"\$")


_FORMS = {"lines": _lines, "points": _points, "bars": _bars, "matrix": _matrix}
