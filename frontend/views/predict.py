"""Predict: one row by a form made from the model's schema, or a file of rows; answers come back with their probabilities."""

from __future__ import annotations

import time
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from frontend import session
from frontend.components import charts, links, states, words
from frontend.components.contributions import contributions
from frontend.components.schema_form import form_value, in_rows, may_be_empty
from frontend.components.snippets import snippets
from frontend.views import batch
from frontend.views.models import champion
from signet_client import Conflict
from signet_client.types import Model, Prediction, Value

ANSWERING = "answering"
ONE, FILE = "One row", "A file of rows"


def show() -> None:
    with states.loading(200):
        found = session.api().models.list()
    if not found:
        states.empty("There is no model to ask yet.", "Train the first one", "train", ":material/model_training:")
        return
    left, right = st.columns(2)
    with left:
        model = _model(found)
    with right:
        version = _version(model)
    with states.loading(300):
        schema = session.api().models.schema(model["name"], version=version)
    how = st.segmented_control("Ask about", [ONE, FILE], default=ONE, key=f"how_{model['name']}") or ONE
    if how == FILE:
        batch.show(model, version, schema)
        return
    asked = _form(model["name"], schema)
    if asked is not None:
        _answer(model["name"], version, asked)


def _model(found: list[Model]) -> Model:
    by_name = {model["name"]: model for model in found}
    names, wanted = list(by_name), links.chosen("model")
    return by_name[st.selectbox("Model", names, key="model", index=names.index(wanted) if wanted in names else 0)]


def _version(model: Model) -> str | None:
    """The version to ask; None for the one that answers everybody."""
    serving = champion(model)
    now = f" (version {serving['version']})" if serving else ""
    numbers = [version["version"] for version in model.get("versions", [])]
    wanted = links.chosen("version")
    chosen = st.selectbox(
        "Version",
        [ANSWERING, *numbers],
        key=f"version_{model['name']}",
        index=numbers.index(wanted) + 1 if wanted in numbers else 0,
        format_func=lambda number: (
            f"The one that answers everybody{now}" if number == ANSWERING else f"Version {number}"
        ),
    )
    return None if chosen == ANSWERING else chosen


def _form(model: str, schema: dict[str, Any]) -> dict[str, Value] | None:
    """The row that the person sent; None until they do."""
    example: dict[str, Value] = next(iter(schema.get("examples", [])), {})
    row: dict[str, Value] = {}
    with st.form(f"row_{model}"):
        for name, each, place in in_rows(schema["properties"]):
            with place:
                row[name] = form_value(name, each, example.get(name), key=f"in_{model}_{name}")  # type: ignore[assignment]
        pressed = st.form_submit_button("Predict", key=f"ask_{model}", type="primary", icon=":material/query_stats:")
    if not pressed:
        return None
    empty = [name for name, value in row.items() if value is None and not may_be_empty(schema["properties"][name])]
    if empty:
        st.error(f"Please fill in: {', '.join(states.plain(name) for name in empty)}.", icon=":material/error:")
        return None
    return row


def _answer(model: str, version: str | None, row: dict[str, Value]) -> None:
    with states.loading(120):
        begun = time.perf_counter()
        answer = session.api().predict(row, model=model, version=version)
        took = time.perf_counter() - begun
    with st.container(border=True, key="answer"):
        left, right = st.columns([1, 2], gap="large") if answer.get("probabilities") else (st.container(), None)
        with left:
            value = answer["prediction"]
            st.metric("Prediction", words.number(value) if isinstance(value, float) else str(value))
            st.caption(f"{states.plain(answer['model'])}, version {answer['version']}, in {1000 * took:,.0f} ms")
        if right is not None:
            with right:
                _probabilities(answer)
    with states.shown_errors("contributions"):
        _contributions(model, answer["version"], row)
    snippets(model, version, row)


def _contributions(model: str, version: str, row: dict[str, Value]) -> None:
    """Of the version that answered, where its algorithm tells them."""
    with st.container(border=True, key="contributions"):
        try:
            with states.loading(160):
                found = session.api().explain(row, model=model, version=version)
        except Conflict as untold:
            st.caption(states.plain(untold.detail))
        else:
            contributions(found["explanation"], row)


def _probabilities(answer: Prediction) -> None:
    found = answer.get("probabilities", {})
    frame = pd.DataFrame({"class": list(found), "probability": list(found.values())})
    frame = frame.sort_values("probability", ascending=False).head(12)
    y = alt.Y("class:N", sort=None, title=None)
    x = alt.X("probability:Q", title="Probability", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    bars = alt.Chart(frame).encode(x, y)
    chart = bars.mark_bar(cornerRadiusEnd=3) + bars.mark_text(align="left", dx=4, color=charts.ink()).encode(
        text=alt.Text("probability:Q", format=".1%")
    )
    st.altair_chart(chart.properties(height=34 * len(frame) + 50), alt="Probability of each class")
