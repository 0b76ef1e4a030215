"""Monitoring: how much is asked, what goes wrong, and how long answers take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from frontend import session
from frontend.components import lists, states, times, traffic, traffic_charts
from signet_client.traffic_types import Traffic, TrafficBy, TrafficSummary

EVERY_SECONDS = 20.0
# How far back, and in which steps: about a hundred of them, and hours where only hours are known.
SPANS = {
    "Hour": (timedelta(hours=1), timedelta(minutes=1)),
    "Day": (timedelta(days=1), timedelta(minutes=15)),
    "Week": (timedelta(days=7), timedelta(hours=2)),
    "Month": (timedelta(days=30), timedelta(hours=6)),
}
USUAL = "Day"
APART: dict[str, TrafficBy] = {"Model": "model", "Version": "version", "Caller": "caller"}
KNOWN_HOURS = 30 * 24


@dataclass(frozen=True)
class Asked:
    """What is to be shown; None for all of it."""

    span: str
    by: TrafficBy | None
    model: str | None
    version: str | None
    caller: str | None

    @property
    def is_narrowed(self) -> bool:
        return any(each is not None for each in (self.model, self.version, self.caller))

    def read(self, by: TrafficBy | None) -> Traffic:
        length, step = SPANS[self.span]
        now = datetime.now(UTC)
        return session.api().monitoring.traffic(
            model=self.model,
            version=self.version,
            caller=self.caller,
            since=now - length,
            until=now,
            step=step,
            by=by,
        )


def show() -> None:
    # What can be chosen comes from one long span, so that a choice stays when a shorter one is looked at.
    with states.loading(80):
        known = session.api().monitoring.summary(hours=KNOWN_HOURS)
    figures(_asked(known))


def _asked(known: TrafficSummary) -> Asked:
    """The questions above the figures; they are part of the address."""
    callers = known["callers"]
    with st.container(horizontal=True, key="traffic_filters"):
        span = st.segmented_control(
            "The last", list(SPANS), default=USUAL, required=True, key="span", bind="query-params"
        )
        ways = [name for name in APART if name != "Caller" or callers is not None]
        by = st.selectbox(
            "Lines", ways, index=None, key="by", bind="query-params", placeholder="All together", width=150
        )
        model = _choice("Model", "of_model", {each["model"]: each["model"] for each in known["models"]})
        version = _choice("Version", "of_version", _versions(known, model)) if model is not None else None
        caller = _choice("Caller", "of_caller", _callers(known)) if callers is not None else None
    return Asked(span or USUAL, APART[by] if by else None, model, version, caller)


def _versions(known: TrafficSummary, model: str) -> dict[str, str]:
    found = [each["version"] for row in known["models"] if row["model"] == model for each in row["versions"]]
    return {version: traffic.version_label(version) for version in sorted(found, key=_order)}


def _order(version: str) -> tuple[int, str]:
    """The newest first, what has no number last."""
    return (-int(version), "") if version.isdecimal() else (1, version)


def _callers(known: TrafficSummary) -> dict[str, str]:
    labels = {
        each["caller"]: traffic.caller_label(each["caller"], each["caller_name"]) for each in known["callers"] or []
    }
    return lists.distinct_labels(labels)


def _choice(label: str, key: str, options: dict[str, str]) -> str | None:
    return st.selectbox(
        label,
        list(options),
        index=None,
        key=key,
        format_func=lambda each: options.get(each, each),
        placeholder="All",
        bind="query-params",
        width=180,
    )


@st.fragment(run_every=EVERY_SECONDS)
def figures(asked: Asked) -> None:
    """What the questions lead to, read anew now and then without the rest of the page."""
    with states.shown_errors("figures"):
        whole = asked.read(None)
        total = whole["lines"][0]["total"]
        if not total["requests"]:
            _nothing(asked)
            return
        traffic.tiles(total)
        apart = asked.read(asked.by) if asked.by else None
        if apart is None:
            traffic_charts.together(whole)
        else:
            traffic_charts.apart(apart)
        _tables(asked, apart)
        until = datetime.now(UTC).isoformat()
        st.caption(f"As of {times.local(until)}; read anew every {EVERY_SECONDS:.0f} seconds.", help=times.utc(until))


def _tables(asked: Asked, apart: Traffic | None) -> None:
    """Versions, and callers for those who keep them; what the charts have read already is not read twice."""
    st.header("By version", anchor=False)
    versions = apart if apart and asked.by == "version" else asked.read("version")
    traffic.by_version(versions["lines"])
    if session.may("subscribers:manage"):
        st.header("By caller", anchor=False)
        callers = apart if apart and asked.by == "caller" else asked.read("caller")
        traffic.by_caller(callers["lines"])


def _nothing(asked: Asked) -> None:
    when = f"in the last {asked.span.lower()}"
    if asked.is_narrowed:
        states.empty(f"Nothing fits these filters {when}. Take a longer time, or other filters.")
        return
    states.empty(
        f"No model was asked {when}. As soon as a person or a service asks one, its figures stand here.",
        "Ask a model",
        "predict",
        ":material/query_stats:",
    )
