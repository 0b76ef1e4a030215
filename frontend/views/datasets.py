"""Datasets: upload one, look at it, delete it."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from frontend import session
from frontend.components import links, lists, states, times, words
from frontend.components.confirm import confirm
from frontend.components.upload import upload
from signet_client.types import Column, Dataset

# So many columns are shown without scrolling in their table.
MOST_AT_ONCE = 30


def show() -> None:
    dataset_id = links.chosen("id")
    if dataset_id:
        _detail(dataset_id)
    else:
        _overview()


def _overview() -> None:
    if session.may("datasets:write"):
        _upload()
    with states.loading(200):
        found = session.api().datasets.list()
    if not found:
        states.empty("No tables yet. Upload a CSV, Parquet or Excel file to begin.")
        return
    st.header(words.count(len(found), "dataset"), anchor=False)
    lists.rows(found, _row, key="datasets")


def _upload() -> None:
    options: dict[str, str] = {}
    with st.container(key="upload_area"):
        place = st.container()
        with st.expander("Options for reading the file", icon=":material/tune:"):
            options["name"] = st.text_input("Name", key="upload_name", placeholder="The name of the file")
            header = st.toggle("The first row holds the names of the columns", value=True, key="upload_header")
            options["header"] = "true" if header else "false"
            options["sheet"] = st.text_input("Sheet", key="upload_sheet", placeholder="The first sheet of a workbook")
        with place:
            made = upload(options)
    if made:
        links.go("datasets", id=made)


def _row(dataset: Dataset) -> None:
    name, size, when = st.columns([4, 3, 3], vertical_alignment="center")
    with name:
        links.link("datasets", dataset["name"], icon=":material/table:", id=dataset["id"])
    size.markdown(f"{words.count(dataset['rows'], 'row')} · {words.count(len(dataset['columns']), 'column')}")
    created_at = dataset.get("created_at")
    when.caption(
        f"{states.plain(dataset.get('created_by', ''))}, {times.local(created_at)}", help=times.utc(created_at)
    )


def _detail(dataset_id: str) -> None:
    links.link("datasets", "All datasets", icon=":material/arrow_back:")
    with states.loading(300):
        dataset = session.api().datasets.get(dataset_id)
    head, actions = st.columns([5, 3], vertical_alignment="bottom")
    with head:
        st.header(dataset["name"], anchor=False)
        shape = f"{words.count(dataset['rows'], 'row')}, {words.count(len(dataset['columns']), 'column')}"
        st.markdown(f"{shape}, {words.size(dataset.get('bytes', 0))}")
    with actions.container(horizontal=True, horizontal_alignment="right"):
        _actions(dataset)
    for warning in dataset.get("warnings", []):
        st.warning(states.plain(warning), icon=":material/warning:")
    columns, rows, details = st.tabs(["Columns", "First rows", "Details"])
    with columns:
        _columns(dataset)
    with rows:
        _preview(dataset)
    with details:
        _details(dataset)


def _actions(dataset: Dataset) -> None:
    if session.may("jobs:run") and st.button(
        "Train with it", key="train_with", type="primary", icon=":material/model_training:"
    ):
        links.go("train", dataset=dataset["id"])
    if session.may("datasets:write") and st.button("Delete", key="delete_dataset", icon=":material/delete:"):
        _delete(dataset)


def _delete(dataset: Dataset) -> None:
    def act() -> None:
        session.api().datasets.delete(dataset["id"])
        st.query_params.clear()

    confirm(
        "Delete this dataset?",
        f"**{states.plain(dataset['name'])}** and its {words.count(dataset['rows'], 'row')} are removed for good. "
        "Models that were trained from it stay.",
        act,
        verb="Delete",
        done="The dataset was deleted.",
        typed=dataset["name"],
    )


def _columns(dataset: Dataset) -> None:
    shown = {
        "Missing": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width=130),
        "Spread": st.column_config.BarChartColumn(
            help="How often small to large values occur, or the most common ones.", y_min=0
        ),
    }
    rows = [_profile(column, dataset["rows"]) for column in dataset["columns"]]
    if not any("min" in column or "top" in column for column in dataset["columns"]):
        st.caption("The spread and the range of each column are left out where a table has so many of them.")
        for row in rows:
            del row["Spread"], row["Range"]
    height: Literal["content", "auto"] = "content" if len(rows) <= MOST_AT_ONCE else "auto"
    st.dataframe(
        rows, hide_index=True, column_config=shown, placeholder="", height=height, alt="Profile of each column"
    )


def _profile(column: Column, rows: int) -> dict[str, object]:
    histogram, top = column.get("histogram"), column.get("top", [])
    more = "+" if column.get("distinct_is_lower_bound") else ""
    ends = [words.number(end) for end in (column.get("min"), column.get("max")) if end is not None]
    common = [words.number(each["value"]) for each in top[:3]] or [words.number(v) for v in column.get("examples", [])]
    return {
        "Column": column["name"],
        "Kind": words.TYPES.get(column["type"], column["type"]),
        "Missing": column["missing"] / rows if rows else 0.0,
        "Different values": f"{column['distinct']:,}{more}",
        "Spread": histogram["counts"] if histogram else [each["count"] for each in top],
        "Range": " to ".join(ends),
        "For example": ", ".join(common),
    }


def _preview(dataset: Dataset) -> None:
    with states.loading(300):
        rows = session.api().datasets.preview(dataset["id"], limit=100)
    st.dataframe(rows, hide_index=True, placeholder="", alt="The first rows of the dataset")
    st.caption(f"The first {len(rows)} of {words.count(dataset['rows'], 'row')}.")


def _details(dataset: Dataset) -> None:
    created_at = dataset.get("created_at")
    st.markdown(
        f"Uploaded by **{states.plain(dataset.get('created_by', ''))}**, {times.local(created_at)}",
        help=times.utc(created_at),
    )
    st.markdown(f"Read as {dataset.get('source_format', 'a table')}")
    st.markdown("Id")
    st.code(dataset["id"], language=None)
    st.markdown("SHA-256 of the uploaded file")
    st.code(dataset["sha256"], language=None)
