"""Home: what is going on, and what to do next."""

from __future__ import annotations

import streamlit as st

from frontend import session
from frontend.components import links, lists, states
from frontend.views import jobs, models
from signet_client.types import Job, Model

RECENT = 5


def show() -> None:
    signet = session.api()
    with states.loading(200):
        known = signet.models.list()
        recent = signet.jobs.list() if session.may("jobs:read") else []
    if session.may("jobs:run"):
        _first_steps(known, recent)
    left, right = st.columns(2, gap="large") if session.may("jobs:read") else (st.container(), None)
    with left:
        st.header("Models", anchor=False)
        _models(known)
    if right is not None:
        with right:
            st.header("Recent training", anchor=False)
            _jobs(recent)


def _first_steps(known: list[Model], recent: list[Job]) -> None:
    """Until somebody has trained something here: what to do, in order."""
    own = [job for job in recent if job["state"] == "succeeded" and job.get("created_by") == _username()]
    if own:
        return
    has_data = bool(session.api().datasets.list())
    with st.container(border=True, key="first_steps"):
        st.header("First steps", anchor=False)
        steps = [
            (has_data, "datasets", "Upload a table", "CSV, Parquet or Excel: one row a case, one column a fact."),
            (False, "train", "Train a model", "Choose the column to predict; everything else has good defaults."),
            (False, "predict", "Ask it", "By a form, or from a program with the address that is shown."),
        ]
        for column, (done, address, label, why) in zip(st.columns(3), steps, strict=True):
            with column:
                links.link(address, label, icon=":material/check_circle:" if done else ":material/arrow_forward:")
                st.caption(why)
        if known:
            st.caption(
                f"A sample model, {states.plain(known[0]['name'])}, is there already: you can ask it right away."
            )


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
