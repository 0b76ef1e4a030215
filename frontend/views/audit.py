"""Audit: who did what, when, to what, with what outcome; filtered, exported, verified."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import streamlit as st

from frontend import session
from frontend.components import journal, states, times, vocabulary, words
from frontend.components.download import download
from signet_client.types import Event, Verdict

AT_ONCE, MORE, MOST = 100, 300, 1000


def show() -> None:
    names = _names()
    asked = _filters(names)
    limit = int(st.session_state.get("audit_limit", AT_ONCE))
    with states.loading(400):
        events = session.api().audit.list(**asked, limit=limit)
    with st.container(horizontal=True, vertical_alignment="center"):
        verifying = st.button("Verify the journal", key="verify", icon=":material/verified_user:")
        body = {name: _text(value) for name, value in asked.items() if value}
        download("Export as CSV", "/ui/downloads/audit", key="export", filename="audit.csv", body=body)
    known = _known_head()
    if verifying:
        with states.shown_errors("verify"):
            _verify(known)
    if not events:
        states.empty("No event fits these filters." if any(asked.values()) else "Nothing has happened yet.")
        return
    journal.table(events, names)
    _more(events, limit)


def _names() -> dict[str, str]:
    """What subscribers are called, for those who may know."""
    return journal.names_of(session.api().subscribers.list()) if session.may("subscribers:manage") else {}


def _filters(names: dict[str, str]) -> dict[str, Any]:
    """What is asked of the journal; the filters are part of the address."""
    ids = {name: raw for raw, name in names.items()}
    with st.container(horizontal=True, vertical_alignment="bottom", key="audit_filters"):
        event = _choice("What", "event", vocabulary.EVENTS, 170)
        actor = st.text_input("Who", key="actor", bind="query-params", placeholder="Anybody", width=120)
        target = st.text_input("To what", key="target", bind="query-params", placeholder="Such as user:ada", width=200)
        outcome = _choice("Outcome", "outcome", vocabulary.OUTCOMES, 115)
        since = st.date_input("From", value=None, key="since", bind="query-params", width=145)
        until = st.date_input("Through", value=None, key="until", bind="query-params", width=145)
    return {
        "event": event,
        "actor": ids.get(actor.strip(), actor.strip()) or None,
        "target": ids.get(target.strip(), target.strip()) or None,
        "outcome": outcome,
        "since": _midnight(since),
        "until": _midnight(until + timedelta(days=1)) if until else None,
    }


def _choice(label: str, key: str, options: dict[str, str], width: int) -> str | None:
    return st.selectbox(
        label,
        list(options),
        index=None,
        key=key,
        format_func=lambda each: options.get(each, each),
        placeholder="All",
        bind="query-params",
        width=width,
    )


def _midnight(day: date | None) -> datetime | None:
    """The beginning of a day where the person is."""
    return datetime.combine(day, time.min, tzinfo=times.zone()) if day else None


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _known_head() -> dict[str, Any]:
    """A head that somebody noted earlier; empty where nothing was typed."""
    with st.expander("Compare with a head that was noted earlier", icon=":material/bookmark:"):
        position = st.number_input("Position", min_value=1, value=None, step=1, key="head_position", placeholder="None")
        noted = st.text_input("Hash", key="head_hash", max_chars=64, autocomplete="off").strip().lower()
        st.caption("Without one, a journal that was written anew from some event on cannot be told from the true one.")
    return {"position": position, "hash": noted} if position and noted else {}


def _verify(known: dict[str, Any]) -> None:
    with st.spinner("Computing every hash anew …"):
        verdict = session.api().audit.verify(**known)
    count = words.count(verdict["events"], "event")
    if verdict["ok"]:
        against = " and the head that you noted" if known else ""
        st.success(f"The journal is whole: {count}, each as it was written{against}.", icon=":material/verified_user:")
    else:
        st.error(
            f"**The journal was changed.** The first event that is wrong is number {verdict.get('first_broken', 0):,} of {count}. "
            "Keep a copy of the database, and find out who could write to it.",
            icon=":material/gpp_bad:",
        )
    _head(verdict)


def _head(verdict: Verdict) -> None:
    head = verdict.get("head")
    if head:
        st.caption(
            f"Its head is event {head['position']:,}. Noted elsewhere, it proves later that nothing was written anew:"
        )
        st.code(head["hash"], language=None, wrap_lines=True)


def _more(events: list[Event], limit: int) -> None:
    shown = words.count(len(events), "event")
    if len(events) < limit:
        st.caption(f"{shown}, the newest first. That is all.")
        return
    st.caption(f"The newest {shown}.")
    if limit >= MOST:
        st.caption("Choose other days, or export, to see older ones.")
    elif st.button("Show older ones", key="more", icon=":material/expand_more:"):
        st.session_state["audit_limit"] = min(limit + MORE, MOST)
        st.rerun()
