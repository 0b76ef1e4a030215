"""What a training will do and what becomes of its result, said before it is started."""

from __future__ import annotations

import streamlit as st

from frontend import session
from frontend.components import states, words
from frontend.views.models import champion
from signet_client.types import Dataset, Task


def draw(dataset: Dataset, target: str, task: Task, columns: list[str] | None, algorithm: str, model: str) -> None:
    """What the button will do, in words; `columns` is None where the platform decides."""
    if columns == []:
        st.caption("Choose the columns to learn from first.")
        return
    others = len(dataset["columns"]) - 1
    source = (
        f"{words.count(len(columns), 'chosen column')}" if columns else f"the other {words.count(others, 'column')}"
    )
    st.markdown(
        f"From {source} of **{states.plain(dataset['name'])}** ({words.count(dataset['rows'], 'row')}), "
        f"{states.plain(algorithm)} learns to tell **{states.plain(target)}**: {words.TASKS[task].lower()}. {_becomes(model)}"
    )


def _becomes(model: str) -> str:
    """What the result is to the models that there are."""
    known = session.api().models.list() if session.may("models:read") else []
    found = next((each for each in known if each["name"] == model), None)
    if not found:
        return f"It becomes the model **{states.plain(model)}**." if model else ""
    answers = champion(found)
    until = f"; version {answers['version']} goes on answering until it is promoted" if answers else ""
    return f"It becomes a new version of **{states.plain(model)}**{until}."
