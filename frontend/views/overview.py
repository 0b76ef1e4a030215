"""The top of Home: a tile for each thing that the person answers for, and what needs them now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

import streamlit as st

from frontend import session
from frontend.components import links, states, times, traffic, words
from frontend.views import certificate_rows, models
from signet_client.traffic_types import TrafficTotal
from signet_client.types import FINAL_STATES, Certificate, Job, Model

HOURS, SOON_DAYS = 24, 30
WEEK = timedelta(days=7)
MOST_NEEDS = 3
# What is read here, and the permission of the API that it takes.
PARTS = {"certificates": "subscribers:manage", "traffic": "traffic:read"}


@dataclass(frozen=True)
class Need:
    """One thing to do: what is the matter, and the page where it is put right."""

    text: str
    address: str
    icon: str
    query: dict[str, str] = field(default_factory=dict)


def show(known: list[Model], recent: list[Job], *, is_new: bool) -> None:
    """Draw what the role allows; a part that cannot be read says so, and the others are drawn all the same.

    Whoever is new here has been told what to do, and not that there is nothing.
    """
    tiles = st.container(horizontal=True, key="home_tiles")
    place = st.container(key="home_needs", gap="small")
    needs: list[Need] = []
    unread = {part for part, permission in PARTS.items() if session.may(permission)}
    with tiles:
        if session.may("jobs:read"):
            needs += _training(
                [job for job in recent if job.get("created_by") == session.signed_in().person["username"]]
            )
        needs += _models(known)
    if "certificates" in unread:
        with states.shown_errors("home_certificates"):
            ending = session.api().certificates.list(state="valid", expiring_within_days=SOON_DAYS)
            with tiles:
                needs += _certificates(ending)
            unread.remove("certificates")
    if "traffic" in unread:
        with states.shown_errors("home_traffic"):
            total = session.api().monitoring.summary(hours=HOURS)["total"]
            with tiles:
                needs += _traffic(total)
            unread.remove("traffic")
    with place:
        if needs:
            _needs(needs)
        elif not unread and not is_new:
            st.caption(":material/check_circle: Nothing needs you now.")


def _training(own: list[Job]) -> Iterator[Need]:
    running = sum(job["state"] not in FINAL_STATES for job in own)
    failed = list(_failed(own))
    st.metric(
        "Your training",
        f"{running:,} running",
        f"{len(failed):,} failed" if failed else None,
        delta_color="inverse",
        delta_arrow="off",
        help="What you started: running or waiting; failed in the last seven days, and not trained with success since.",
        border=True,
        height="stretch",
    )
    for job in islice(failed, MOST_NEEDS):
        text = (
            f"The training of {states.plain(job.get('model', 'a model'))} failed {times.away(job.get('finished_at'))}"
        )
        yield Need(text, "jobs", ":material/error:", {"id": job["id"]})


def _failed(own: Iterable[Job]) -> Iterator[Job]:
    """The newest first; a model that was trained with success later has no failure any more."""
    settled: set[str] = set()
    for job in own:
        model, finished_at = job.get("model", ""), times.parsed(job.get("finished_at"))
        if job["state"] == "succeeded":
            settled.add(model)
        if job["state"] == "failed" and model not in settled and finished_at and finished_at > datetime.now(UTC) - WEEK:
            settled.add(model)
            yield job


def _models(known: list[Model]) -> Iterator[Need]:
    without = [model for model in known if models.champion(model) is None]
    st.metric(
        "Champion models",
        f"{len(known) - len(without):,}",
        f"{len(without):,} without" if without else None,
        delta_color="off",
        delta_arrow="off",
        help=f"Of {words.count(len(known), 'model')}, those that have a version that answers.",
        border=True,
        height="stretch",
    )
    if session.may("models:promote"):
        for model in without[:MOST_NEEDS]:
            text = f"No version of {states.plain(model['name'])} answers yet"
            yield Need(text, "models", ":material/rocket_launch:", {"model": model["name"]})


def _certificates(ending: list[Certificate]) -> Iterator[Need]:
    due = [each for each in ending if certificate_rows.looks(each) == "due"]
    st.metric(
        "Certificates ending",
        f"{len(ending):,}",
        f"{len(due):,} not renewed" if due else None,
        delta_color="inverse",
        delta_arrow="off",
        help=f"Valid ones that end within {SOON_DAYS} days, and which of them could have been renewed by now.",
        border=True,
        height="stretch",
    )
    for each in due[:MOST_NEEDS]:
        owner = states.plain(each["subscriber"] or "a removed subscriber")
        text = f"The certificate of {owner} ends {times.away(each['not_after'])} and was not renewed"
        yield Need(text, "certificates", ":material/badge:", {"serial": each["serial_number"]})


def _traffic(total: TrafficTotal) -> Iterator[Need]:
    asked = f"{words.count(total['requests'], 'request')} in the last {HOURS} hours"
    st.metric(
        "Error rate, 24 h",
        traffic.share(total["error_rate"]),
        help=f"{asked}. {traffic.outcome(total)}",
        border=True,
        height="stretch",
    )
    st.metric(
        "p95 latency, 24 h",
        traffic.latency(total["p95"]),
        help=f"{asked}. {traffic.LATENCY}",
        border=True,
        height="stretch",
    )
    if total["failed"]:
        text = f"{words.count(total['failed'], 'prediction')} failed in the last {HOURS} hours: a fault of the platform"
        yield Need(text, "monitoring", ":material/monitoring:")


def _needs(needs: list[Need]) -> None:
    st.header("What needs you now", anchor=False)
    for need in needs:
        links.link(need.address, need.text, icon=need.icon, **need.query)
