"""One subscriber: its certificates, its terms, what was done to it; enrolled, suspended, resumed, removed."""

from __future__ import annotations

from functools import partial

import streamlit as st

from frontend import session
from frontend.components import journal, links, lists, once, states, times, vocabulary, words
from frontend.components.confirm import confirm
from frontend.components.enrolling import show_token
from frontend.components.subscriber_form import terms
from frontend.views import certificate_rows
from signet_client.types import Subscriber, TermsChange


def show(subscriber_id: str) -> None:
    links.link("subscribers", "All subscribers", icon=":material/arrow_back:")
    with states.loading(300):
        found = session.api().subscribers.get(subscriber_id)
    st.header(found["name"], anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        vocabulary.badge(vocabulary.SUBSCRIBER_STATES, found["state"])
        created_at = found["created_at"]
        st.caption(
            f"Admitted by {states.plain(found['created_by'])}, {times.local(created_at)}", help=times.utc(created_at)
        )
    if found["description"]:
        st.markdown(states.plain(found["description"]))
    with st.container(horizontal=True, vertical_alignment="center"):
        _actions(found)
        links.link("monitoring", "What it asks", icon=":material/monitoring:", of_caller=f"subscriber:{found['id']}")
    holds, allowed, done = st.tabs(["Certificates", "Models and limits", "What was done"])
    with holds, states.shown_errors("certificates"):
        _certificates(found)
    with allowed, states.shown_errors("terms"):
        _terms(found)
    with done, states.shown_errors("journal"):
        _done(found)


def _actions(found: Subscriber) -> None:
    active = found["state"] == "active"
    if active and st.button("New enrolment token", key="enrol", type="primary", icon=":material/key:"):
        _enrol(found)
    if active and st.button("New certificate", key="issue", icon=":material/badge:"):
        certificate_rows.issue([found])
    if active and st.button("Suspend", key="suspend", icon=":material/pause_circle:"):
        _suspend(found)
    if not active and st.button("Resume", key="resume", type="primary", icon=":material/play_circle:"):
        _resume(found)
    if st.button("Delete", key="delete_subscriber", icon=":material/delete:"):
        _delete(found)


def _enrol(found: Subscriber) -> None:
    made = session.api().subscribers.enrolment(found["id"])
    once.tell(f"Enrolment of {found['name']}", partial(show_token, made))


def _suspend(found: Subscriber) -> None:
    confirm(
        "Suspend this subscriber?",
        f"From the next request on, **{states.plain(found['name'])}** is refused, on open connections too, until somebody "
        "resumes it. Its certificates stay.",
        lambda: _turned(session.api().subscribers.suspend(found["id"])),
        verb="Suspend",
        done=f"{found['name']} is suspended.",
        typed=found["name"],
    )


def _resume(found: Subscriber) -> None:
    confirm(
        "Resume this subscriber?",
        f"From the next request on, **{states.plain(found['name'])}** is let in again with its certificates.",
        lambda: _turned(session.api().subscribers.resume(found["id"])),
        verb="Resume",
        done=f"{found['name']} is let in again.",
    )


def _delete(found: Subscriber) -> None:
    def act() -> None:
        session.api().subscribers.delete(found["id"])
        st.query_params.clear()

    confirm(
        "Delete this subscriber?",
        f"**{states.plain(found['name'])}** is removed for good and refused from the next request on. All its certificates "
        "are revoked, and nothing brings them back.",
        act,
        verb="Delete",
        done=f"{found['name']} was deleted.",
        typed=found["name"],
    )


def _turned(_now: Subscriber) -> None:
    """What the API answers is drawn in the next run."""


def _certificates(found: Subscriber) -> None:
    with states.loading(120):
        certificates = session.api().certificates.list(subscriber_id=found["id"])
    if not certificates:
        states.empty(
            "It holds no certificate yet. Make an enrolment token for its owner, or issue one from a signing request."
        )
        return
    # The newest first: what the service uses now is on top.
    newest = sorted(certificates, key=lambda each: each["issued_at"], reverse=True)
    lists.rows(newest, certificate_rows.row, key="subscriber_certificates")


def _terms(found: Subscriber) -> None:
    with states.loading(120):
        known = [model["name"] for model in session.api().models.list()]
    with st.form("terms", border=False):
        asked = terms(known, found, key=f"terms_{found['id']}")
        pressed = st.form_submit_button("Save", key="save_terms", type="primary")
    changes: TermsChange = {name: value for name, value in asked.items() if value != found[name]}  # type: ignore[literal-required,assignment]
    if pressed and changes:
        session.api().subscribers.change(found["id"], changes)
        states.say("Saved. It holds from the next request on.")
        st.rerun()
    if pressed:
        st.info("Nothing was changed.", icon=":material/info:")
    st.markdown("Id, which is its `client_id` for tokens")
    st.code(found["id"], language=None)


def _done(found: Subscriber) -> None:
    with states.loading(120):
        events = session.api().audit.list(target=f"subscriber:{found['id']}", limit=50)
    if not events:
        states.empty("The journal knows nothing of it yet.")
        return
    st.caption(f"The newest {words.count(len(events), 'event')}.")
    journal.table(events, journal.names_of([found]))
    links.link("audit", "In the journal", icon=":material/receipt_long:", target=f"subscriber:{found['id']}")
