"""Subscribers: the services that are admitted, and a new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import streamlit as st

from frontend import session
from frontend.components import links, lists, states, times, vocabulary, words
from frontend.components.subscriber_form import EVERY_MODEL, terms
from frontend.views import certificate_rows, subscriber
from signet_client.types import Certificate, Subscriber

Valid = dict[str | None, list[Certificate]]


def show() -> None:
    subscriber_id = links.chosen("id")
    if subscriber_id:
        subscriber.show(subscriber_id)
        return
    if st.button("Admit a service", key="new_subscriber", type="primary", icon=":material/add:"):
        _create()
    with states.loading(200):
        found = session.api().subscribers.list()
        valid = _by_subscriber(session.api().certificates.list(state="valid")) if found else {}
    if not found:
        states.empty("No service is admitted yet. Admit one, and hand its owner a token to enrol with.")
        return
    st.subheader(words.count(len(found), "subscriber"), anchor=False)
    lists.rows(found, lambda each: row(each, valid.get(each["id"], [])), key="subscribers")


def _by_subscriber(certificates: Sequence[Certificate]) -> Valid:
    found: Valid = defaultdict(list)
    for each in certificates:
        found[each["subscriber_id"]].append(each)
    return found


def row(each: Subscriber, valid: Sequence[Certificate]) -> None:
    """One subscriber in a list, with the certificates of it that are valid."""
    name, state, holds = st.columns([4, 2, 5], vertical_alignment="center")
    with name:
        links.link("subscribers", states.plain(each["name"]), icon=":material/hub:", id=each["id"])
        if each["description"]:
            st.caption(states.plain(each["description"]))
    with state:
        vocabulary.badge(vocabulary.SUBSCRIBER_STATES, each["state"])
    with holds:
        st.markdown(f"{models_in_words(each)} · {allowance(each)}")
        _holds(valid)


def models_in_words(each: Subscriber) -> str:
    if EVERY_MODEL in each["models"]:
        return "every model"
    return ", ".join(states.plain(name) for name in each["models"]) or "no model"


def allowance(each: Subscriber) -> str:
    limits = [(each["rate_per_minute"], "a minute"), (each["daily_quota"], "a day")]
    return ", ".join(f"{limit:,} {unit}" for limit, unit in limits if limit) or "no limit"


def _holds(valid: Sequence[Certificate]) -> None:
    if not valid:
        st.caption(":material/warning: No valid certificate")
        return
    last = max(each["not_after"] for each in valid)
    due = any(certificate_rows.looks(each) == "due" for each in valid)
    mark = ":material/schedule: Renewal due: " if due else ""
    st.caption(
        f"{mark}{words.count(len(valid), 'valid certificate')}, the last ends {times.away(last)}", help=times.utc(last)
    )


def _create() -> None:
    @st.dialog("Admit a service", width="medium")
    def form() -> None:
        with states.shown_errors("create"):
            known = [model["name"] for model in session.api().models.list()]
            asked = terms(known, key="new")
            if st.button("Admit", key="create_subscriber", type="primary", disabled=not asked["name"]):
                made = session.api().subscribers.create(**asked)
                states.say(f"{made['name']} is admitted. Next, make it an enrolment token.")
                st.query_params["id"] = made["id"]
                st.rerun()

    form()
