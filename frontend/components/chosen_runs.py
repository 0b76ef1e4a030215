"""The runs that a person looks at or compares: kept in the address, so that a comparison can be sent to somebody else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import streamlit as st

from frontend import session
from frontend.components import links, run_words, words
from signet_client import NotFound
from signet_client.run_types import Run

MOST = 8
KEY, PARAMETER, CHANGES = "compared_runs", "runs", "compared_runs_changes"
_ID = re.compile(r"[0-9a-f]{32}")


def chosen(shown: Sequence[Run]) -> list[Run]:
    """The chosen runs in the order in which they were chosen; one that is gone is left out."""
    if KEY not in st.session_state:
        asked = dict.fromkeys((links.chosen(PARAMETER) or "").split(","))
        st.session_state[KEY] = [run_id for run_id in asked if _ID.fullmatch(run_id)][:MOST]
    known = {run["id"]: run for run in shown}
    found = [known.get(run_id) or _read(run_id) for run_id in st.session_state[KEY]]
    there = [run for run in found if run is not None]
    ids = [run["id"] for run in there]
    if ids != st.session_state[KEY]:
        st.session_state[KEY] = ids
    _keep_in_address(ids)
    return there


def choice(shown: Sequence[Run], chosen: Sequence[Run]) -> None:
    """The same choice as in the table, for the keyboard and for runs that the table does not show."""
    every = {run["id"]: run for run in (*chosen, *shown)}
    labels = run_words.labels(list(every.values()))
    st.multiselect(
        "Runs to compare",
        list(every),
        key=KEY,
        format_func=lambda run_id: labels.get(run_id, run_id),
        max_selections=MOST,
        placeholder="Tick runs in the table, or choose them here",
        on_change=_changed,
        wrap=True,
    )


def pick(table: str, shown: Sequence[str]) -> None:
    """Take over what was ticked in the table; what it does not show stays."""
    rows: Sequence[int] = st.session_state[table]["selection"]["rows"]
    ticked = [shown[row] for row in rows if row < len(shown)]
    before: list[str] = st.session_state.get(KEY, [])
    kept = [run_id for run_id in before if run_id in ticked or run_id not in shown]
    wanted = [*kept, *(run_id for run_id in ticked if run_id not in kept)]
    st.session_state[KEY] = wanted[:MOST]
    if len(wanted) > MOST:
        st.toast(f"At most {words.count(MOST, 'run')} can be compared.")
        _changed()


def table_key(shown: Sequence[str]) -> str:
    """A table of other rows, or of ticks that were set elsewhere, is another table."""
    return f"runs_{hash((*shown, st.session_state.get(CHANGES, 0)))}"


def ticks(shown: Sequence[str]) -> Any:
    """The rows of the table that are chosen."""
    return {"selection": {"rows": [shown.index(each) for each in st.session_state.get(KEY, []) if each in shown]}}


def _changed() -> None:
    st.session_state[CHANGES] = st.session_state.get(CHANGES, 0) + 1


def _read(run_id: str) -> Run | None:
    try:
        return session.api().experiments.run(run_id)
    except NotFound:
        return None


def _keep_in_address(ids: Sequence[str]) -> None:
    if ids:
        st.query_params[PARAMETER] = ",".join(ids)
    elif PARAMETER in st.query_params:
        del st.query_params[PARAMETER]
