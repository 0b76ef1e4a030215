"""A file of rows is asked of a model; the answers stand beside the rows, and what did not fit is listed apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from frontend import authenticator, scored, session, uploads
from frontend.components import states, words
from frontend.components.download import download
from frontend.components.upload import upload_rows
from frontend.relay import RelayError
from frontend.scoring import Scored, score
from frontend.sessions import digest
from frontend.tables import MOST_MB, Table, TableUnreadable, model_rows, read_table
from signet_client.types import Model, Value

SHOWN = 200
PROBLEM_NAMES = ["row", "field", "problem"]
ADDRESS = "/ui/downloads/scored"
_KEY = "scored"
_PROBLEMS = {
    "row": st.column_config.NumberColumn("Row", width=90, format="localized"),
    "field": st.column_config.TextColumn("Column", width="medium"),
    "problem": st.column_config.TextColumn("Problem", width="large"),
}


@dataclass(frozen=True)
class Result:
    """What the page keeps of a scored file: the first rows, and the words by which the whole files are fetched."""

    asked: tuple[str, str | None]
    name: str
    note: str
    rows: int
    answered: int
    version: str | None
    seconds: float
    is_whole: bool
    first: pd.DataFrame
    wrong: pd.DataFrame
    file: str
    problems: str


def show(model: Model, version: str | None, schema: dict[str, Any]) -> None:
    """The drop zone, and under it what became of the last file."""
    asked = (model["name"], version)
    st.caption(
        f"A CSV or Parquet file with the columns {', '.join(map(states.plain, schema['properties']))}. Other columns stay in the file "
        "and are not asked about."
    )
    upload_id = upload_rows(f"rows_{model['name']}", MOST_MB)
    if upload_id:
        st.session_state.pop(_KEY, None)
        _score(upload_id, asked, schema)
    result = st.session_state.get(_KEY)
    if result is not None and result.asked == asked:
        _result(result)


def _score(upload_id: str, asked: tuple[str, str | None], schema: dict[str, Any]) -> None:
    owner = digest(authenticator.browser().handle)
    try:
        entry = uploads.relay().find(owner, upload_id)
        try:
            table = read_table(entry.path)
            rows = model_rows(table, schema["properties"])
        finally:
            uploads.relay().forget(entry)
    except TableUnreadable as error:
        st.error(states.plain(str(error)), icon=":material/error:")
        return
    except RelayError as error:
        st.error(error.detail, icon=":material/error:")
        return
    bar = st.progress(0.0, f"Asking about {words.count(len(rows), 'row')} …")
    found = score(session.api(), rows, model=asked[0], version=asked[1], told=lambda share: _tell(bar, share))
    bar.empty()
    st.session_state[_KEY] = _kept(owner, entry.filename, asked, table, found)


def _tell(bar: DeltaGenerator, share: float) -> None:
    bar.progress(share, f"{share:.0%} answered")


def _kept(owner: str, name: str, asked: tuple[str, str | None], table: Table, found: Scored) -> Result:
    classes = _classes(found)
    names = [*table.names, *_added_names(table.names, classes)]
    problems = [((each.row or 0) + 1, each.field, each.problem) for each in found.problems]
    files = scored.scored_files()
    return Result(
        asked=asked,
        name=name,
        note=table.note,
        rows=len(table.rows),
        answered=len(found.answers),
        version=found.version,
        seconds=found.seconds,
        is_whole=found.is_whole,
        first=pd.DataFrame([_shown(line) for line in islice(_lines(table, found, classes), SHOWN)], columns=names),
        wrong=pd.DataFrame(problems, columns=PROBLEM_NAMES),
        file=files.write(owner, names, _lines(table, found, classes)),
        problems=files.write(owner, PROBLEM_NAMES, problems) if problems else "",
    )


def _classes(found: Scored) -> list[str]:
    """The classes, none for a number, in the order in which the model names them."""
    first = next(iter(found.answers.values()), None)
    return list(first.probabilities or {}) if first else []


def _added_names(taken: list[str], classes: list[str]) -> list[str]:
    """Names for the columns that come beside those of the file, none of which may look like one of them."""
    names = ["prediction", *(f"probability {name}" for name in classes)]
    while set(names) & set(taken):
        names = [f"model's {name}" for name in names]
    return names


def _lines(table: Table, found: Scored, classes: list[str]) -> Iterator[list[Value]]:
    """Each row of the file with its answer; empty where there is none."""
    for number, row in enumerate(table.rows):
        answer = found.answers.get(number)
        shares = (answer.probabilities or {}) if answer else {}
        yield [*row, answer.prediction if answer else None, *(shares.get(name) for name in classes)]


def _shown(line: list[Value]) -> list[str]:
    """The line as the page shows it; the file has every digit."""
    return ["" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value) for value in line]


def _result(result: Result) -> None:
    with st.container(border=True, key="scored"):
        st.subheader(result.name, anchor=False)
        _counts(result)
        if result.note:
            st.info(result.note, icon=":material/info:")
        if not result.is_whole:
            st.warning("So many rows do not fit that the rest was not asked about.", icon=":material/warning:")
        if result.answered:
            _answers(result)
        if len(result.wrong):
            _wrong(result)


def _counts(result: Result) -> None:
    answered, refused, took = st.columns(3)
    answered.metric("Rows answered", f"{result.answered:,} of {result.rows:,}")
    refused.metric("Rows that do not fit", f"{result.wrong['row'].nunique():,}")
    took.metric("Time", f"{result.seconds:,.2f} s")
    st.caption(
        f"{states.plain(result.asked[0])}, version {result.version}" if result.version else "Nothing was answered."
    )


def _answers(result: Result) -> None:
    st.dataframe(result.first, hide_index=True, key="scored_rows")
    if result.rows > SHOWN:
        st.caption(f"The first {SHOWN} rows; the file has all of them.")
    stem = PurePath(result.name).stem or "rows"
    download("Save all rows", ADDRESS, key="save_rows", filename=f"{stem}-scored.csv", body={"token": result.file})


def _wrong(result: Result) -> None:
    st.subheader("What does not fit", anchor=False)
    st.caption("Rows are counted from 1 below the header.")
    st.dataframe(result.wrong, hide_index=True, key="scored_problems", column_config=_PROBLEMS)
    stem = PurePath(result.name).stem or "rows"
    download(
        "Save this list", ADDRESS, key="save_problems", filename=f"{stem}-problems.csv", body={"token": result.problems}
    )
