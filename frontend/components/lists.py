"""Lists of things: one row a thing, the first column opens it; long lists come in pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import streamlit as st

from frontend.components import words

Thing = TypeVar("Thing")
AT_ONCE = 12


def rows(things: Sequence[Thing], draw: Callable[[Thing], None], *, key: str) -> None:
    """Draw a page of the things, each in a frame of its own."""
    pages = -(-len(things) // AT_ONCE)
    place = st.container(key=f"list_{key}", gap="small")
    number = st.pagination(pages, key=f"page_{key}") if pages > 1 else 1
    with place:
        for thing in things[(number - 1) * AT_ONCE : number * AT_ONCE]:
            with st.container(border=True):
                draw(thing)


def distinct_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels by id, the same ones told apart by a part of the id: a choice travels to the browser and back as its label."""
    seen = Counter(labels.values())
    return {key: label if seen[label] == 1 else f"{label} [{key[:8]}]" for key, label in labels.items()}


def state_badge(state: str) -> None:
    """The state of a job as a word, an icon and a colour."""
    label, color, icon = words.STATES.get(state, (state, "gray", ":material/help:"))
    st.badge(label, icon=icon, color=color)  # type: ignore[arg-type]
