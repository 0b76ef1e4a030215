"""Train: a table and a target become a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import streamlit as st

from frontend import session
from frontend.components import links, lists, states, words
from frontend.components.schema_form import form_value, in_rows
from frontend.views import training_review
from signet_client.types import Algorithm, Column, Dataset, Task

LIKELY_TARGETS = (
    "target",
    "outcome",
    "survived",
    "species",
    "churn",
    "churned",
    "default",
    "price",
    "label",
    "y",
    "class",
)
DECIDE = "decide"
EVERY, SOME, ALL_BUT = "All that help", "Only some", "All but some"


def show() -> None:
    with states.loading(200):
        found = session.api().datasets.list()
    if not found:
        states.empty("There is no table to learn from yet.", "Upload one", "datasets", ":material/upload:")
        return
    dataset = _dataset(found)
    with st.container(border=True, key="what"):
        left, right = st.columns(2)
        with left:
            target = _target(dataset)
        with right:
            model = st.text_input(
                "Name of the model",
                value=_asked_for(dataset, "model")[:63] or words.slug(dataset["name"]),
                key=f"model_{dataset['id']}",
                max_chars=63,
                help="A new version is added where the model exists already.",
            )
        task = _task(next(column for column in dataset["columns"] if column["name"] == target))
    columns = _columns(dataset, target)
    algorithm, hyperparameters, seed = _algorithm()
    kind = task or likely_task(next(column for column in dataset["columns"] if column["name"] == target))
    training_review.draw(dataset, target, kind, columns, algorithm, model)
    if st.button(
        "Start training", key="start", type="primary", icon=":material/play_arrow:", disabled=not model or columns == []
    ):
        job = session.api().jobs.start(
            dataset_id=dataset["id"],
            target=target,
            model=model,
            task=task,
            columns=columns,
            algorithm=algorithm,
            hyperparameters=hyperparameters,
            seed=seed,
        )
        links.go("jobs", id=job["id"])


def _dataset(found: list[Dataset]) -> Dataset:
    by_id = {dataset["id"]: dataset for dataset in found}
    labels = lists.distinct_labels(
        {dataset["id"]: f"{dataset['name']} ({words.count(dataset['rows'], 'row')})" for dataset in found}
    )
    ids, wanted = list(by_id), links.chosen("dataset")
    index = ids.index(wanted) if wanted in ids else 0
    return by_id[st.selectbox("Dataset", ids, key="dataset", index=index, format_func=lambda each: labels[each])]


def _asked_for(dataset: Dataset, name: str) -> str:
    """What a link to this page says of the dataset that it names; empty for any other dataset."""
    return links.chosen(name) or "" if links.chosen("dataset") == dataset["id"] else ""


def likely_target(columns: Sequence[Column], dataset: str = "") -> int:
    """The place of the column that people most likely want to predict: by its name, else the last one."""
    names = [column["name"].strip().lower() for column in columns]
    places = [names.index(name) for name in (dataset.lower(), *LIKELY_TARGETS) if name in names]
    return places[0] if places else len(names) - 1


def likely_task(column: Column) -> Task:
    """What the platform will most likely make of a target."""
    if column["distinct"] == 2:
        return "binary"
    if column["type"] == "number" or (column["type"] == "integer" and column["distinct"] > 20):
        return "regression"
    return "multiclass"


def _target(dataset: Dataset) -> str:
    names, wanted = [column["name"] for column in dataset["columns"]], _asked_for(dataset, "target")
    return st.selectbox(
        "Column to predict",
        names,
        index=names.index(wanted) if wanted in names else likely_target(dataset["columns"], dataset["name"]),
        key=f"target_{dataset['id']}",
        help="The model learns to tell it from the other columns.",
    )


def _task(target: Column) -> Task | None:
    guess = words.TASKS[likely_task(target)].lower()
    labels = {DECIDE: f"Decide for me: {guess}", **words.TASKS}
    chosen = st.selectbox(
        "What it is", list(labels), key=f"task_{target['name']}", format_func=lambda task: labels[task]
    )
    if target["missing"]:
        st.caption(f"{words.count(target['missing'], 'row')} without a value in this column will be left out.")
    return None if chosen == DECIDE else cast("Task", chosen)


def _columns(dataset: Dataset, target: str) -> list[str] | None:
    """The columns to learn from; None where the platform decides, none where the person has not chosen yet."""
    names = [column["name"] for column in dataset["columns"] if column["name"] != target]
    with st.expander("Columns to learn from", icon=":material/view_column:"):
        way = st.segmented_control("Which", [EVERY, SOME, ALL_BUT], default=EVERY, required=True, key="which_columns")
        if way not in {SOME, ALL_BUT}:
            st.caption("All columns but those that only number the rows or repeat the target.")
            return None
        # Nothing is chosen at first: a table may have thousands of columns.
        label = "Columns to use" if way == SOME else "Columns to leave out"
        named = st.multiselect(label, names, key=f"{way}_{dataset['id']}_{target}", placeholder="Choose columns")
        st.caption("What you choose is used as it is, even where a column only numbers the rows.")
        if way == SOME:
            return named
        return [name for name in names if name not in set(named)] if named else None


def _algorithm() -> tuple[str, dict[str, Any], int]:
    algorithms = [each for each in session.api().algorithms.list() if not each.get("error")]
    with st.expander("Algorithm and settings", icon=":material/tune:"):
        by_name = {each["name"]: each for each in algorithms}
        titles = lists.distinct_labels({name: each.get("title") or name for name, each in by_name.items()})
        algorithm = by_name[
            st.selectbox("Algorithm", list(by_name), key="algorithm", format_func=lambda name: titles[name])
        ]
        values = _hyperparameters(algorithm)
        seed = st.number_input(
            "Seed", 0, 2**31 - 1, 0, key="seed", help="The same data, settings and seed give the same model."
        )
    return algorithm["name"], values, int(seed)


def _hyperparameters(algorithm: Algorithm) -> dict[str, Any]:
    """What differs from the defaults."""
    properties = algorithm["hyperparameters"].get("properties", {})
    values: dict[str, Any] = {}
    for name, schema, place in in_rows(properties):
        with place:
            key = f"hyper_{algorithm['name']}_{name}"
            value = form_value(name, schema, schema.get("default"), key=key, empty="as usual")
        if value is not None and value != schema.get("default"):
            values[name] = value
    return values
