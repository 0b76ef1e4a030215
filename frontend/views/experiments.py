"""Experiments: runs side by side, what tells them apart, and how good they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from frontend import session
from frontend.components import (
    chosen_runs,
    differences,
    links,
    parallel,
    run_curves,
    run_evaluation,
    run_words,
    runs_table,
    states,
    times,
    words,
)
from signet_client.run_types import Run

AT_ONCE, MOST = 100, 500
VALUES, PARALLEL, CURVES, EVALUATION = "Values", "Parallel coordinates", "Curves", "Evaluation"
NEWEST = "Newest first"
# Two of them stand beside each other on a telephone.
WIDTH = 170


def show() -> None:
    api = session.api().experiments
    with states.loading(80):
        experiments, known = api.list(), api.runs(limit=AT_ONCE)
    if not known["items"] and not known["more"]:
        states.empty(
            "There is no run yet. Each training makes one.", "Train a model", "train", ":material/model_training:"
        )
        return
    asked = _asked(experiments, known["items"])
    limit = int(st.session_state.get("runs_limit", AT_ONCE))
    found = known
    if asked or limit != AT_ONCE:
        with states.loading(300):
            found = api.runs(**asked, limit=limit)
    shown = found["items"]
    chosen = chosen_runs.chosen(shown)
    if shown:
        _table(shown, limit, is_cut=found["more"])
    else:
        states.empty("No run fits these filters. Take away one of them.")
    if shown or chosen:
        chosen_runs.choice(shown, chosen)
        _look(shown, chosen)


def _asked(experiments: Sequence[str], known: Sequence[Run]) -> dict[str, Any]:
    """The filters above the table; they are part of the address."""
    metrics = run_words.names(known, "metrics")
    datasets = sorted({each["name"] for run in known for each in run["datasets"]})
    with st.container(horizontal=True, vertical_alignment="bottom", key="run_filters"):
        experiment = _choice("Experiment", "experiment", {name: name for name in experiments})
        dataset = _choice("Dataset", "dataset", {name: name for name in datasets})
        state = _choice("State", "state", {name: look[0] for name, look in words.STATES.items()})
        metric = _choice("Metric", "metric", {name: words.metric(name).label for name in metrics})
        least, most = _bounds() if metric else (None, None)
        order = _order(metrics)
    wanted = {
        "experiment": experiment,
        "dataset": dataset,
        "state": state,
        "metric": metric,
        "at_least": least,
        "at_most": most,
        "by_metric": order,
        "smallest_first": run_words.more_is_better(order) is False if order else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _choice(label: str, key: str, options: Mapping[str, str]) -> str | None:
    return st.selectbox(
        label,
        list(options),
        index=None,
        key=key,
        format_func=lambda each: options.get(each, each),
        placeholder="All",
        bind="query-params",
        width=WIDTH,
    )


def _bounds() -> tuple[float | None, float | None]:
    least, most = (
        st.number_input(label, value=None, key=key, bind="query-params", format="%g", placeholder="Any", width=WIDTH)
        for label, key in (("At least", "at_least"), ("At most", "at_most"))
    )
    return least, most


def _order(metrics: Sequence[str]) -> str | None:
    """The metric whose best come first; None for the newest."""
    ways = {name: f"Best {words.metric(name).label}" for name in metrics if run_words.more_is_better(name) is not None}
    chosen = st.selectbox(
        "Order",
        [NEWEST, *ways],
        key="order",
        format_func=lambda each: ways.get(each, each),
        bind="query-params",
        width=WIDTH,
    )
    return None if chosen == NEWEST else chosen


def _table(shown: Sequence[Run], limit: int, *, is_cut: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        cut = f"The first {words.count(len(shown), 'run')}; others fit too." if is_cut else ""
        st.caption(cut or f"{words.count(len(shown), 'run')}.")
        columns = runs_table.columns(shown)
    runs_table.draw(shown, columns)
    if is_cut and limit < MOST and st.button("Show more runs", key="more_runs", icon=":material/expand_more:"):
        st.session_state["runs_limit"] = MOST
        st.rerun()


def _look(shown: Sequence[Run], chosen: Sequence[Run]) -> None:
    """What there is to see of the chosen runs; of all runs in the table where none is chosen."""
    if not chosen:
        _at_a_glance(shown)
        return
    st.subheader("One run" if len(chosen) == 1 else f"{words.count(len(chosen), 'run')} side by side", anchor=False)
    _cards(chosen)
    ways: dict[str, Callable[[], None]] = {
        VALUES: lambda: differences.draw(chosen),
        PARALLEL: lambda: parallel.draw(_together(shown, chosen), chosen),
        CURVES: lambda: run_curves.draw(chosen),
        EVALUATION: lambda: run_evaluation.draw(chosen),
    }
    way = st.segmented_control("Look at", list(ways), default=VALUES, required=True, key="look", bind="query-params")
    with states.shown_errors("look"):
        ways[way or VALUES]()


def _at_a_glance(shown: Sequence[Run]) -> None:
    """Axes of several experiments would have little in common, so that one of them is drawn: that with most runs here."""
    counts = Counter(run["experiment"] for run in shown)
    (experiment, _), *others = counts.most_common()
    st.subheader(f"{states.plain(experiment)} at a glance", anchor=False)
    if others:
        st.caption("The experiment with the most runs in the table. Choose another one above.")
    parallel.draw([run for run in shown if run["experiment"] == experiment], [])


def _together(shown: Sequence[Run], chosen: Sequence[Run]) -> list[Run]:
    """The chosen runs, and behind them what the table shows of their experiments."""
    experiments = {run["experiment"] for run in chosen}
    beside = [run for run in shown if run["experiment"] in experiments]
    return list({run["id"]: run for run in (*chosen, *beside)}.values())


def _cards(chosen: Sequence[Run]) -> None:
    """Where each chosen run comes from, and the ways to it."""
    labels = run_words.labels(chosen)
    with st.container(horizontal=True, key="run_cards"):
        for run in chosen:
            with st.container(border=True, width=318, gap="small", key=f"card_{run['id']}"):
                _card(run, labels[run["id"]])


def _card(run: Run, label: str) -> None:
    st.markdown(f"**{states.plain(label)}**")
    by = f" by {states.plain(run['created_by'])}" if run["created_by"] else ""
    st.caption(
        f"{times.local(run['started_at'])}{by}, took {run_words.took(run)}", help=times.utc(run["started_at"]) or None
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if run["job_id"]:
            links.link("jobs", "Training", icon=":material/model_training:", id=run["job_id"])
        if run["version"] and session.may("models:read"):
            links.link("models", "Model", icon=":material/deployed_code:", model=run["version"]["model"])
        st.link_button("MLflow", run["url"], icon=":material/open_in_new:", type="tertiary", key=f"mlflow_{run['id']}")
