"""How runs fared on the rows that were held out: curves of several runs in one chart, the other plots side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from frontend import session
from frontend.components import plots, run_overlays, run_words, states
from signet_client.run_types import Run
from signet_client.types import Plot

# Of these the curves of several runs can be held against each other in one chart; the step of learning has a view of its own.
TOGETHER = ("roc", "pr", "calibration")
CLOUDS = ("predicted_vs_actual", "residuals")


def draw(runs: Sequence[Run]) -> None:
    """The plots of one run, or those of several held against each other; why there are none, where there are none."""
    labels = run_words.labels(runs)
    found: dict[str, list[Plot]] = {}
    with states.loading(320):
        for run in runs:
            answer = session.api().experiments.plots(run["id"])
            found[labels[run["id"]]] = answer["plots"]
            if answer["problem"]:
                st.info(
                    f"**{states.plain(labels[run['id']])}**: {states.plain(answer['problem'])}", icon=":material/info:"
                )
    having = {label: drawn for label, drawn in found.items() if drawn}
    if len(having) == 1:
        _one(next(iter(having.values())))
    elif having:
        _several(having)


def _one(drawn: Sequence[Plot]) -> None:
    plots.draw_all([_with_areas(plot) for plot in drawn if plot["series"] or plot.get("counts")])
    matrix = next((plot for plot in drawn if plot["name"] == "confusion_matrix"), None)
    if matrix is not None:
        st.markdown("**Each class**", help="Counted from the confusion matrix.")
        st.table(
            pd.DataFrame(classes(matrix)),
            border="horizontal",
            hide_index=True,
            alt="Precision and recall of each class",
        )


def classes(matrix: Plot) -> list[dict[str, str]]:
    """Precision, recall and F1 of each class, from the counts of a confusion matrix (rows: truth)."""
    counts, rows = matrix["counts"], []
    for n, label in enumerate(matrix["labels"]):
        right, actual, predicted = counts[n][n], sum(counts[n]), sum(row[n] for row in counts)
        shares = (_share(right, predicted), _share(right, actual), _share(2 * right, actual + predicted))
        precision, recall, f1 = (run_words.NONE if share is None else f"{share:.3f}" for share in shares)
        told = {"Precision": precision, "Recall": recall, "F1": f1}
        rows.append(
            {"Class": states.plain(label), **{k: states.plain(v) for k, v in told.items()}, "Rows": f"{actual:,}"}
        )
    return rows


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _several(having: Mapping[str, Sequence[Plot]]) -> None:
    chosen = _class(having)
    together = [found for name in TOGETHER if (found := _of(having, name))]
    for start in range(0, len(together), 2):
        for place, found in zip(st.columns(2, gap="large"), together[start : start + 2], strict=False):
            with place:
                run_overlays.curves(found, chosen)
    for name in CLOUDS:
        if found := _of(having, name):
            run_overlays.clouds(found)
    if matrices := _of(having, "confusion_matrix"):
        run_overlays.matrices(matrices)
    if importances := _of(having, "feature_importance"):
        run_overlays.importances(importances)


def _of(having: Mapping[str, Sequence[Plot]], name: str) -> dict[str, Plot]:
    """That plot of each run that has it, with something on it."""
    return {
        label: plot
        for label, drawn in having.items()
        for plot in drawn
        if plot["name"] == name and (plot["series"] or plot.get("counts"))
    }


def _class(having: Mapping[str, Sequence[Plot]]) -> str:
    """Which class the curves are of, where there are several."""
    names = list(dict.fromkeys(line["name"] for plot in _of(having, "roc").values() for line in plot["series"]))
    if len(names) < 2:
        return names[0] if names else ""
    chosen: str = st.selectbox("Curves of the class", names, key="curves_of", width=280)
    return chosen


def _with_areas(plot: Plot) -> Plot:
    """The same plot, the area under each curve beside its name."""
    lines = [{**line, "name": run_overlays.named(line["name"], plot["name"], line)} for line in plot["series"]]
    return {**plot, "series": lines}
