"""Home: what is going on, and what to do next."""

from __future__ import annotations

import streamlit as st

from frontend import session
from frontend.components import links, lists, states
from frontend.views import jobs, models, overview
from signet_client.types import Job, Model

RECENT = 5
# Who made the sample on the first start.
PLATFORM = "platform"
# Whether it is done, the page where it is, what it is called, and what it means.
Step = tuple[bool, str, str, str]


def show() -> None:
    signet = session.api()
    with states.loading(200):
        known = signet.models.list()
        recent = signet.jobs.list() if session.may("jobs:read") else []
    is_new = session.may("jobs:run") and _first_steps(known, recent)
    if session.may("subscribers:manage"):
        with states.shown_errors("home_services"):
            is_new |= _first_service()
    overview.show(known, recent, is_new=is_new)
    left, right = st.columns(2, gap="large") if session.may("jobs:read") else (st.container(), None)
    with left:
        st.header("Models", anchor=False)
        _models(known)
    if right is not None:
        with right:
            st.header("Recent training", anchor=False)
            _jobs(recent)


def _first_steps(known: list[Model], recent: list[Job]) -> bool:
    """Until the person has trained something here: what to do, in order; an administrator, until anybody has. Whether it is said."""
    trained = {job.get("created_by") for job in recent if job["state"] == "succeeded"} - {PLATFORM}
    if _username() in trained or (trained and session.may("users:manage")):
        return False
    has_data = any(dataset.get("created_by") != PLATFORM for dataset in session.api().datasets.list())
    steps = [
        (has_data, "datasets", "Upload a table", "CSV, Parquet or Excel: one row a case, one column a fact."),
        (False, "train", "Train a model", "Choose the column to predict; everything else has good defaults."),
        (False, "predict", "Ask it", "By a form, or from a program with the address that is shown."),
    ]
    samples = (
        model for model in known if any(each.get("created_by") == PLATFORM for each in model.get("versions", []))
    )
    sample = next(samples, None)
    note = (
        f"A sample model, {states.plain(sample['name'])}, is there already: you can ask it right away."
        if sample
        else ""
    )
    _steps("First steps", steps, note, key="first_steps")
    return True


def _first_service() -> bool:
    """Until a service is admitted: how it is done, in order. Whether it is said."""
    if session.api().subscribers.list():
        return False
    steps = [
        (False, "subscribers", "Admit a service", "Its name, the models that it may ask, and how often."),
        (
            False,
            "certificates",
            "Give it a certificate",
            "With it, the service proves who it is; no password is shared.",
        ),
        (False, "monitoring", "Watch what it asks", "Requests, errors and latencies of each service."),
    ]
    _steps("The first service", steps, "", key="first_service")
    return True


def _steps(title: str, steps: list[Step], note: str, *, key: str) -> None:
    with st.container(border=True, key=key):
        st.header(title, anchor=False)
        for column, (done, address, label, why) in zip(st.columns(3), steps, strict=True):
            with column:
                links.link(address, label, icon=":material/check_circle:" if done else ":material/arrow_forward:")
                st.caption(why)
        if note:
            st.caption(note)


def _username() -> str:
    return session.signed_in().person["username"]


def _models(known: list[Model]) -> None:
    if not known:
        states.empty("There is no model yet.")
        return
    lists.rows(known[:RECENT], models.row, key="home_models")
    if len(known) > RECENT:
        links.link("models", f"All {len(known)} models")


def _jobs(recent: list[Job]) -> None:
    if not recent:
        states.empty("Nothing was trained yet.")
        return
    lists.rows(recent[:RECENT], jobs.row, key="home_jobs")
    if len(recent) > RECENT:
        links.link("jobs", "All jobs")
