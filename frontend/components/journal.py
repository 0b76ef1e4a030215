"""Events of the journal as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from frontend.components import times, vocabulary
from signet_client.types import Event, Subscriber

LONGEST = 300


def names_of(subscribers: Sequence[Subscriber]) -> dict[str, str]:
    """How subscribers are shown, `subscriber:billing`, by how the journal names them, `subscriber:<id>`."""
    return {f"subscriber:{each['id']}": f"subscriber:{each['name']}" for each in subscribers}


def table(events: Sequence[Event], names: Mapping[str, str]) -> None:
    """One row an event: when in the person's zone, and in UTC beside it, because a table has no text on hover."""
    shown = {
        "No.": st.column_config.NumberColumn(format="%d", width="small"),
        "To what": st.column_config.TextColumn(width=220),
        "Details": st.column_config.TextColumn(width="large"),
    }
    rows = [_row(event, names) for event in events]
    st.dataframe(rows, hide_index=True, column_config=shown, alt="Events of the journal, the newest first")


def _row(event: Event, names: Mapping[str, str]) -> dict[str, object]:
    return {
        "No.": event["position"],
        "When": times.local(event["at"]),
        "What": vocabulary.EVENTS.get(event["event"], event["event"]),
        "Who": names.get(event["actor"], event["actor"]) or "unknown",
        "To what": names.get(event["target"], event["target"]),
        "Outcome": vocabulary.OUTCOMES.get(event["outcome"], event["outcome"]),
        "Details": in_words(event["details"]),
        "From": event["address"],
        "UTC": times.utc(event["at"]).removesuffix(" UTC"),
        "Request id": event["request_id"],
    }


def in_words(details: Mapping[str, object]) -> str:
    """`reason: keyCompromise; models: iris, titanic`."""
    parts = [f"{name.replace('_', ' ')}: {_value(value)}" for name, value in details.items()]
    return "; ".join(parts)[:LONGEST]


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
