"""Jobs: what is training, how far it is, and what came of it."""

from __future__ import annotations

import streamlit as st

from frontend import session
from frontend.components import links, lists, metrics, plots, states, times, words
from frontend.components.confirm import confirm
from signet_client import NotFound
from signet_client.types import FINAL_STATES, Job, Plot

EVERY_SECONDS = 1.0


def show() -> None:
    job_id = links.chosen("id")
    if job_id:
        links.link("jobs", "All jobs", icon=":material/arrow_back:")
        with states.loading(300):
            job = session.api().jobs.get(job_id)
        _detail(job)
    else:
        _overview()


def _overview() -> None:
    with states.loading(200):
        found = session.api().jobs.list()
    if not found:
        states.empty("Nothing was trained yet.", "Train the first model", "train", ":material/model_training:")
        return
    if any(job["state"] not in FINAL_STATES for job in found):
        live_list()
    else:
        lists.rows(found, row, key="jobs")


@st.fragment(run_every=EVERY_SECONDS)
def live_list() -> None:
    """The list while something is training; the whole page runs anew once nothing is."""
    with states.shown_errors("live_jobs"):
        found = session.api().jobs.list()
        lists.rows(found, row, key="jobs")
        if all(job["state"] in FINAL_STATES for job in found):
            st.rerun()


def row(job: Job) -> None:
    """One job in a list."""
    name, state = st.columns([5, 3], vertical_alignment="center")
    with name:
        version = f", version {job['model_version']}" if job.get("model_version") else ""
        links.link("jobs", f"{job.get('model', 'model')}{version}", icon=":material/model_training:", id=job["id"])
        created_at = job.get("created_at")
        st.caption(f"{states.plain(job.get('created_by', ''))}, {times.local(created_at)}", help=times.utc(created_at))
    with state:
        if job["state"] == "running":
            st.progress(job.get("progress", 0.0), text=_step(job))
        else:
            lists.state_badge(job["state"])


def _detail(job: Job) -> None:
    st.header(f"{job.get('model', 'Model')}: predict {job.get('target', '')}", anchor=False)
    if job["state"] not in FINAL_STATES:
        live_job(job["id"])
        # Outside of what is drawn anew each second, or the question would vanish with it.
        if session.may("jobs:run") and st.button("Cancel", key="cancel_job", icon=":material/cancel:"):
            _cancel(job)
        return
    lists.state_badge(job["state"])
    _facts(job)
    if job["state"] == "failed":
        st.error(states.plain(job.get("error") or "The training failed without a reason."), icon=":material/error:")
        links.link(
            "train",
            "Change something and train again",
            dataset=job.get("dataset_id", ""),
            target=job.get("target", ""),
            model=job.get("model", ""),
        )
    if job["state"] == "succeeded":
        _result(job)
    _warnings(job)


@st.fragment(run_every=EVERY_SECONDS)
def live_job(job_id: str) -> None:
    """A job that is not finished; the whole page runs anew once it is."""
    with states.shown_errors("live_job"):
        job = session.api().jobs.get(job_id)
        if job["state"] in FINAL_STATES:
            st.rerun()
        lists.state_badge(job["state"])
        st.progress(job.get("progress", 0.0), text=_step(job))
        metrics.tiles(job.get("metrics", {}), job.get("task"))
        _warnings(job)


def _cancel(job: Job) -> None:
    confirm(
        "Cancel this training?",
        f"The training of **{states.plain(job.get('model', ''))}** stops, and what it has learnt so far is lost.",
        lambda: _cancelled(job),
        verb="Cancel the training",
        done="The training is being cancelled.",
    )


def _cancelled(job: Job) -> None:
    session.api().jobs.cancel(job["id"])


def _step(job: Job) -> str:
    share = f"{job.get('progress', 0.0):.0%}"
    step = (job.get("step") or "waiting").capitalize()
    return f"{step} · {share}" if job["state"] == "running" else "Waiting for a free place"


def _facts(job: Job) -> None:
    took = times.took(job.get("started_at"), job.get("finished_at"))
    task = words.TASKS.get(job.get("task") or "", "")
    facts = [task, str(job.get("algorithm", "")), f"took {took}", f"by {job.get('created_by', '')}"]
    st.caption(" · ".join(states.plain(fact) for fact in facts if fact), help=f"Job {job['id']}")


def _result(job: Job) -> None:
    found = job.get("metrics", {})
    metrics.tiles(found, job.get("task"))
    with st.container(horizontal=True):
        model = job.get("model", "")
        links.link("predict", "Try the model", icon=":material/query_stats:", model=model)
        links.link("models", "Versions of the model", icon=":material/deployed_code:", model=model)
        if job.get("run_id"):
            links.link(
                "experiments",
                "Compare with other runs",
                icon=":material/science:",
                experiment=model,
                runs=str(job["run_id"]),
            )
    with states.loading(320):
        drawn = _plots(job)
    plots.draw_all(drawn)
    with st.expander("All metrics", icon=":material/list:"):
        metrics.table(found)


def _plots(job: Job) -> list[Plot]:
    try:
        return session.api().jobs.plots(job["id"])
    except NotFound:
        return []


def _warnings(job: Job) -> None:
    found = job.get("warnings", [])
    if found:
        st.subheader("What the platform noticed", anchor=False)
    for warning in found:
        st.warning(states.plain(warning), icon=":material/info:")
