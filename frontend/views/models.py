"""Models: versions, how good they are, and which one answers."""

from __future__ import annotations

import streamlit as st

from frontend import session
from frontend.components import links, lists, metrics, states, times, words
from frontend.components.confirm import confirm
from signet_client.types import Model, ModelVersion

CHAMPION = "champion"


def show() -> None:
    name = links.chosen("model")
    if name:
        links.link("models", "All models", icon=":material/arrow_back:")
        with states.loading(300):
            model = session.api().models.get(name)
        _detail(model)
        return
    with states.loading(200):
        found = session.api().models.list()
    if not found:
        states.empty("There is no model yet.", "Train the first one", "train", ":material/model_training:")
        return
    lists.rows(found, row, key="models")


def champion(model: Model) -> ModelVersion | None:
    """The version that answers, where one does."""
    wanted = model.get("aliases", {}).get(CHAMPION)
    return next((version for version in model.get("versions", []) if version["version"] == wanted), None)


def row(model: Model) -> None:
    """One model in a list."""
    name, what = st.columns([3, 5], vertical_alignment="center")
    with name:
        links.link("models", model["name"], icon=":material/deployed_code:", model=model["name"])
    serving = champion(model)
    with what:
        if serving:
            found, task = serving.get("metrics", {}), serving.get("task")
            best = metrics.headline(found, task)[:2]
            st.markdown(" · ".join(f"{words.metric(each).label} **{words.number(found[each])}**" for each in best))
        answers = f"version {serving['version']} answers" if serving else "no version answers yet"
        st.caption(f"{words.count(len(model.get('versions', [])), 'version')}, {answers}")


def _detail(model: Model) -> None:
    st.header(model["name"], anchor=False)
    versions = model.get("versions", [])
    serving = champion(model)
    by_number = {version["version"]: version for version in versions}
    numbers = list(by_number)
    number = st.selectbox(
        "Version",
        numbers,
        key=f"version_{model['name']}",
        index=numbers.index(serving["version"]) if serving else 0,
        format_func=lambda each: f"Version {each}{_aliases_in_words(by_number[each])}",
    )
    chosen = by_number[number]
    other = serving if serving and serving["version"] != chosen["version"] else None
    _version(model, chosen, other)


def _aliases_in_words(version: ModelVersion) -> str:
    names = version.get("aliases", [])
    return f" ({', '.join(names)})" if names else ""


def _version(model: Model, version: ModelVersion, serving: ModelVersion | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for alias in version.get("aliases", []):
            st.badge(alias, icon=":material/star:", color="green")
        created_at = version.get("created_at")
        st.caption(
            f"{words.TASKS.get(version.get('task', ''), '')} · {version.get('algorithm', '')} · "
            f"{states.plain(version.get('created_by', ''))}, {times.local(created_at)}",
            help=times.utc(created_at),
        )
    metrics.tiles(version.get("metrics", {}), version.get("task"), against=serving.get("metrics") if serving else None)
    if serving:
        st.caption(f"Differences are to version {serving['version']}, which answers now.")
    _actions(model, version, serving)
    columns, all_metrics, origin = st.tabs(["What it takes", "All metrics", "Where it came from"])
    with columns:
        _signature(version)
    with all_metrics:
        metrics.table(version.get("metrics", {}))
    with origin:
        _origin(version)


def _actions(model: Model, version: ModelVersion, serving: ModelVersion | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if CHAMPION not in version.get("aliases", []) and session.may("models:promote"):
            older = serving is not None and int(version["version"]) < int(serving["version"])
            verb = "Roll back to this version" if older else "Promote to champion"
            if st.button(verb, key="promote", type="primary", icon=":material/rocket_launch:"):
                _promote(model, version, verb)
        links.link("predict", "Try it", icon=":material/query_stats:", model=model["name"], version=version["version"])
        if session.may("traffic:read"):
            links.link("monitoring", "How it fares", icon=":material/monitoring:", of_model=model["name"])


def _promote(model: Model, version: ModelVersion, verb: str) -> None:
    number = version["version"]
    now = champion(model)
    instead = f" instead of version {now['version']}" if now else ""
    confirm(
        f"{verb}?",
        f"From the next prediction on, **{states.plain(model['name'])}** answers with version {number}{instead}, "
        "for everybody who uses it.",
        lambda: session.api().models.set_alias(model["name"], CHAMPION, number),
        verb=verb,
        done=f"Version {number} answers now.",
        typed=model["name"],
    )


def _signature(version: ModelVersion) -> None:
    signature = version.get("signature", {})
    st.markdown(f"Predicts **{states.plain(signature.get('target', ''))}** from:")
    rows = [
        {
            "Column": column["name"],
            "Kind": words.TYPES.get(column["kind"], column["kind"]),
            "May be missing": bool(column.get("missing")),
            "Categories": ", ".join(map(str, column.get("categories", [])[:20])),
        }
        for column in signature.get("columns", [])
    ]
    st.dataframe(rows, hide_index=True, alt="The columns that the model takes")


def _origin(version: ModelVersion) -> None:
    if version.get("job_id") and session.may("jobs:read"):
        links.link("jobs", "The training, with its plots", icon=":material/model_training:", id=version["job_id"])
    if version.get("run_id") and session.may("jobs:read"):
        links.link(
            "experiments",
            "Compare with other runs",
            icon=":material/science:",
            experiment=str(version.get("model", "")),
            runs=version["run_id"],
        )
    if version.get("dataset_id") and session.may("datasets:read"):
        links.link("datasets", "The dataset", icon=":material/table:", id=version["dataset_id"])
    if version.get("run_url"):
        st.link_button("The run in MLflow", version["run_url"], icon=":material/open_in_new:", type="tertiary")
    st.markdown("Digest of its files, checked before each load")
    st.code(version.get("digest", ""), language=None)
