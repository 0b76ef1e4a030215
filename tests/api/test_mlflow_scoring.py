"""MLflow's scoring protocol over HTTP, with the native protocol's answers and strictness."""

import io
import json
from typing import Any

import pandas as pd
import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Registered
from tests.conftest import Person
from tests.trained import COLUMNS, EXAMPLE

PATH = "/endpoints/bugs/invocations"
NAMES = [column.name for column in COLUMNS]
ROWS = [EXAMPLE, EXAMPLE | {"size": 0.1, "count": 7, "colour": None, "open": False, "age": 1.25}]
IN_ORDER = [[row[name] for name in NAMES] for row in ROWS]
CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame({name: [row[name] for row in rows] for name in NAMES})


def parquet(table: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    table.to_parquet(sink)
    return sink.getvalue()


FORMS: dict[str, tuple[str, Any]] = {
    "split": ("application/json", json.dumps({"dataframe_split": {"columns": NAMES, "data": IN_ORDER}})),
    "split by pandas": (
        "application/json",
        json.dumps({"dataframe_split": json.loads(frame(ROWS).to_json(orient="split"))}),
    ),
    "records": ("application/json; charset=utf-8", json.dumps({"dataframe_records": ROWS})),
    "instances": ("application/json", json.dumps({"instances": IN_ORDER})),
    "inputs": ("application/json", json.dumps({"inputs": {n: [row[n] for row in ROWS] for n in NAMES}})),
    "a bare NaN": ("application/json", json.dumps({"dataframe_records": ROWS}).replace("null", "NaN")),
    "CSV": (CSV, frame(ROWS).to_csv(index=False)),
    "Parquet": (PARQUET, parquet(frame(ROWS))),
}


@pytest.mark.parametrize("task", ["multiclass", "binary", "regression"])
def test_every_form_gives_the_native_answer(expert: Person, registered: Registered, task: str) -> None:
    registered("bugs", task)
    native = expert.post("/v1/models/bugs/predict", json={"features": ROWS}).get_json()["predictions"]
    for name, (content_type, body) in FORMS.items():
        answer = expert.post(PATH, data=body, content_type=content_type)
        assert answer.status_code == 200, (name, answer.text)
        assert answer.get_json() == {"predictions": native}, name


def test_the_default_model_and_a_body_without_a_type(expert: Person, registered: Registered) -> None:
    registered("iris", "multiclass")
    answer = expert.post("/invocations", data=json.dumps({"instances": IN_ORDER}))
    assert (answer.status_code, len(answer.get_json()["predictions"])) == (200, 2)


def test_a_version_can_be_named(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    assert expert.post(f"{PATH}?version=1", json={"instances": IN_ORDER}).status_code == 200
    assert expert.post(f"{PATH}?version=9", json={"instances": IN_ORDER}).status_code == 404


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/json; format=pandas-split",
        "text/csv; charset=latin-1",
        "application/x-www-form-urlencoded",
    ],
)
def test_another_media_type_is_415(expert: Person, registered: Registered, content_type: str) -> None:
    registered("bugs", "multiclass")
    answer = expert.post(PATH, data=b"{}", content_type=content_type)
    assert (answer.status_code, answer.get_json()["error_code"]) == (415, "BAD_REQUEST")


# What MLflow answers with 200 and another value than was sent.
DAMAGE: dict[str, tuple[dict[str, Any], str]] = {
    "1.9 for a whole number": ({"count": 1.9}, "'count' is not a whole number"),
    "a number as text": ({"size": "7"}, "'size' is not a number"),
    "a truth value as text": ({"open": "false"}, "'open' is neither true nor false"),
    "a whole number as a truth value": ({"open": 1}, "'open' is neither true nor false"),
    "2**63 for a whole number": ({"count": 2**63}, "'count' is a whole number beyond 2**53"),
    "a column too many": ({"weight": 1}, "'weight' is not a field"),
    "a number for a category": ({"colour": 3}, "'colour' is not text"),
    "missing where none was": ({"size": None}, "'size' is missing (null)"),
}


@pytest.mark.parametrize(("change", "text"), DAMAGE.values(), ids=DAMAGE)
def test_no_value_is_quietly_changed(expert: Person, registered: Registered, change: dict[str, Any], text: str) -> None:
    registered("bugs", "multiclass")
    rows = [EXAMPLE, EXAMPLE | change]
    names = list(rows[1])
    columns = {name: [row.get(name, 1) for row in rows] for name in names}
    split = {"columns": names, "data": [[row.get(name, 1) for name in names] for row in rows]}
    for body in ({"dataframe_records": rows}, {"inputs": columns}, {"dataframe_split": split}):
        answer = expert.post(PATH, json=body)
        told = answer.get_json()
        assert (answer.status_code, told["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer.text
        assert text in told["message"]


def test_3e9_is_kept_and_1e40_is_a_number(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    row = EXAMPLE | {"count": 3_000_000_000, "size": 1e40}
    native = expert.post("/v1/models/bugs/predict", json={"features": row}).get_json()
    answer = expert.post(PATH, json={"dataframe_records": [row]})
    assert answer.get_json() == {"predictions": [native["prediction"]]}


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (CSV, "size,count\n1,2\n", "'colour' is missing"),
        (CSV, frame(ROWS).to_csv(), "'' is not a field"),
        (CSV, frame(ROWS).to_csv(index=False).replace("7", "1.9"), "row 1: 'count' is not a whole number"),
        (CSV, frame(ROWS).to_csv(index=False).replace("5.1", ""), "row 0: 'size' is missing"),
        (CSV, frame(ROWS).to_csv(index=False).replace("5.1", "five"), "row 0: 'size' is not a number"),
        (CSV, frame(ROWS).to_csv(index=False).replace("False", "0"), "row 1: 'open' is neither true nor false"),
        (PARQUET, parquet(frame(ROWS).assign(weight=1)), "'weight' is not a field"),
        (PARQUET, parquet(frame(ROWS).drop(columns="age")), "'age' is missing"),
        (PARQUET, parquet(frame(ROWS).assign(count=[1.9, 2.0])), "row 0: 'count' is not a whole number"),
        (PARQUET, parquet(frame(ROWS).assign(size=["a", "b"])), "'size' holds"),
        (PARQUET, parquet(frame(ROWS).assign(size=[1.0, None])), "row 1: 'size' is missing"),
        (PARQUET, b"PAR1", "damaged"),
        ("application/json", b"{", "not JSON"),
        ("application/json", b'{"dataframe_split": {"columns": ["a"], "data": [[1], [1, 2]]}}', "Row 1 has 2 values"),
    ],
)
def test_what_does_not_fit_is_a_400_that_names_it(
    expert: Person, registered: Registered, content_type: str, body: Any, text: str
) -> None:
    registered("bugs", "multiclass")
    answer = expert.post(PATH, data=body, content_type=content_type)
    assert answer.status_code == 400, answer.text
    assert set(answer.get_json()) == {"error_code", "message", "request_id"}
    assert text in answer.get_json()["message"]


def test_probes(http: FlaskClient, expert: Person, registered: Registered) -> None:
    for path in ("/ping", "/health"):
        assert http.get(path).status_code == 404
    registered("bugs", "multiclass")
    registered.app.extensions["signet"].shelf.refresh()
    for path in ("/ping", "/health"):
        answer = http.get(path)
        assert (answer.status_code, answer.data, answer.content_type) == (200, b"\n", "text/plain; charset=utf-8")
    assert http.get("/version").status_code == 401
    assert expert.get("/version").text == "3.17.2"


def test_errors_have_the_protocols_shape(http: FlaskClient, expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    nobody = http.post(PATH, json={"instances": IN_ORDER})
    assert (nobody.status_code, nobody.get_json()["error_code"]) == (401, "UNAUTHENTICATED")
    assert "WWW-Authenticate" in nobody.headers
    unknown = expert.post("/endpoints/none/invocations", json={"instances": IN_ORDER})
    assert unknown.get_json()["error_code"] in {"RESOURCE_DOES_NOT_EXIST", "TEMPORARILY_UNAVAILABLE"}
