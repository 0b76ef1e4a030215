"""The Open Inference Protocol over HTTP: what clients of other servers send, answered as the native protocol answers."""

import gzip
import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Registered
from tests.conftest import Person
from tests.trained import COLUMNS, EXAMPLE

MODEL = "/v2/models/bugs"
INFER = f"{MODEL}/infer"
HEADER = "Inference-Header-Content-Length"
DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}
ROWS = [EXAMPLE, EXAMPLE | {"size": 0.1, "count": 7, "colour": None, "open": False, "age": 1.25}]


def inputs(rows: list[dict[str, Any]], **replaced: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": c.name, "shape": [len(rows)], "datatype": DATATYPES[c.kind], "data": [row[c.name] for row in rows]}
        | replaced.get(c.name, {})
        for c in COLUMNS
    ]


def outputs_by_name(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {out["name"]: out for out in answer["outputs"]}


def binary_body(*, texts: list[str]) -> tuple[bytes, bytes]:
    raw = [
        np.array([5.1, 0.1], "<f8").tobytes(),
        np.array([3, 7], "<i8").tobytes(),
        b"".join(struct.pack("<I", len(text)) + text.encode() for text in texts),
        b"\1\0",
        np.array([np.nan, 1.25], "<f8").tobytes(),
    ]
    described = [
        {"name": c.name, "shape": [2], "datatype": DATATYPES[c.kind], "parameters": {"binary_data_size": len(data)}}
        for c, data in zip(COLUMNS, raw, strict=True)
    ]
    text = json.dumps({"inputs": described, "parameters": {"binary_data_output": True}}).encode()
    return text, b"".join(raw)


def test_health_and_server_metadata(http: FlaskClient, expert: Person) -> None:
    assert http.get("/v2/health/live").get_json() == {"live": True}
    assert http.get("/v2").status_code == 401
    for path in ("/v2", "/v2/"):
        answer = expert.get(path)
        assert answer.status_code == 200
        assert answer.get_json()["extensions"] == ["binary_tensor_data"]


def test_ready_follows_the_platform(http: FlaskClient, registered: Registered) -> None:
    not_ready = http.get("/v2/health/ready")
    assert (not_ready.status_code, set(not_ready.get_json())) == (503, {"error"})
    registered("bugs", "multiclass")
    registered.app.extensions["signet"].shelf.refresh()
    assert http.get("/v2/health/ready").get_json() == {"live": True, "ready": True}


def test_metadata_names_the_columns_and_the_outputs(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    told = expert.get(MODEL).get_json()
    assert told == expert.get(f"{MODEL}/versions/1").get_json() == expert.get(f"{MODEL}/versions/champion").get_json()
    assert [(t["name"], t["datatype"], t["shape"]) for t in told["inputs"]] == [
        ("size", "FP64", [-1]), ("count", "INT64", [-1]), ("colour", "BYTES", [-1]),
        ("open", "BOOL", [-1]), ("age", "FP64", [-1]),
    ]  # fmt: skip
    assert [(t["name"], t["datatype"], t["shape"]) for t in told["outputs"]] == [
        ("prediction", "BYTES", [-1]),
        ("probabilities", "FP64", [-1, 3]),
    ]
    assert json.loads(told["outputs"][1]["parameters"]["class_names"]) == ["ant", "bee", "cat"]
    assert (told["name"], told["versions"], told["platform"]) == ("bugs", ["1"], "signet_xgboost")
    for path in (f"{MODEL}/ready", f"{MODEL}/versions/1/ready"):
        assert expert.get(path).get_json() == {"name": "bugs", "ready": True}


@pytest.mark.parametrize(("task", "datatype"), [("multiclass", "BYTES"), ("binary", "BOOL"), ("regression", "FP64")])
def test_the_same_rows_give_the_native_answer(expert: Person, registered: Registered, task: str, datatype: str) -> None:
    registered("bugs", task)
    native = expert.post("/v1/models/bugs/predict", json={"features": ROWS}).get_json()
    answer = expert.post(INFER, json={"id": "x", "inputs": inputs(ROWS)}).get_json()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("x", "bugs", "1")
    out = outputs_by_name(answer)
    assert (out["prediction"]["datatype"], out["prediction"]["shape"]) == (datatype, [2])
    assert out["prediction"]["data"] == native["predictions"]
    if task != "regression":
        shares = [share for row in native["probabilities"] for share in row.values()]
        assert out["probabilities"]["data"] == shares
        assert json.loads(out["probabilities"]["parameters"]["class_names"]) == list(native["probabilities"][0])


def test_binary_both_ways_is_the_same_to_the_last_bit(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    text, raw = binary_body(texts=["red", "mauve"])
    answer = expert.post(INFER, data=text + raw, headers={HEADER: str(len(text))})
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/octet-stream"
    length = int(answer.headers[HEADER])
    told, rest = json.loads(answer.data[:length]), answer.data[length:]
    native = expert.post("/v1/models/bugs/predict", json={"features": ROWS}).get_json()
    size = outputs_by_name(told)["prediction"]["parameters"]["binary_data_size"]
    assert rest[:size] == b"".join(struct.pack("<I", 3) + name.encode() for name in native["predictions"])
    shares = [share for row in native["probabilities"] for share in row.values()]
    assert rest[size:] == np.array(shares, "<f8").tobytes()


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "application/json", "text/plain"])
def test_the_media_type_does_not_matter(expert: Person, registered: Registered, content_type: str | None) -> None:
    registered("bugs", "multiclass")
    body = json.dumps({"inputs": inputs(ROWS), "model_name": "bugs"})
    assert expert.post(INFER, data=body, content_type=content_type).status_code == 200


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_packed_bodies(expert: Person, registered: Registered, encoding: str, pack: Any) -> None:
    registered("bugs", "multiclass")
    text, raw = binary_body(texts=["red", "blue"])
    headers = {HEADER: str(len(text)), "Content-Encoding": encoding}
    assert expert.post(INFER, data=pack(text + raw), headers=headers).status_code == 200
    bomb = expert.post(INFER, data=pack(bytes(64 * 1024 * 1024)), headers={"Content-Encoding": encoding})
    assert (bomb.status_code, set(bomb.get_json())) == (413, {"error"})
    assert expert.post(INFER, data=text, headers={"Content-Encoding": "br"}).status_code == 415


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "text in a number": ({"size": {"data": ["a", 1.0]}}, "'size': row 0 is not a number"),
    "missing where none was": ({"size": {"data": [1.0, None]}}, "row 1: 'size' is missing (null)"),
    "null in an integer": ({"count": {"data": [None, 1]}}, "row 0: 'count' is missing (null)"),
    "a fraction in an integer": ({"count": {"data": [1.7, 1]}}, "'count': row 0 is not a whole number"),
    "a fraction in an integer as FP64": ({"count": {"data": [1.7, 1.0], "datatype": "FP64"}}, "row 0: 'count'"),
    "300 in INT8": (
        {"count": {"data": [300, 1], "datatype": "INT8"}},
        "'count': row 0 is not a whole number from -128",
    ),
    "an integer beyond 2**53": ({"count": {"data": [1, 2**53 + 1]}}, "row 1: 'count' is a whole number beyond 2**53"),
    "BYTES in a number": ({"size": {"data": ["1", "2"], "datatype": "BYTES"}}, "BYTES where the model takes FP64"),
    "FP64 in a category": ({"colour": {"data": [1.0, 2.0], "datatype": "FP64"}}, "where the model takes BYTES"),
    "INT8 in a boolean": ({"open": {"data": [1, 0], "datatype": "INT8"}}, "'open' is INT8 where the model takes BOOL"),
    "another number of rows": ({"age": {"data": [1.0], "shape": [1]}}, "'age': 'shape' must be [2] or [2, 1]"),
    "another name": ({"age": {"name": "aeg"}}, "'age' is missing; 'aeg' is not a field"),
    "a negative size": ({"age": {"shape": [-1]}}, "'age': 'shape'"),
    "an enormous shape": ({"age": {"shape": [2**60, 2**10]}}, "'age' has more than"),
}


@pytest.mark.parametrize(("replaced", "text"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_a_400_that_names_it(
    expert: Person, registered: Registered, replaced: dict[str, Any], text: str
) -> None:
    registered("bugs", "multiclass")
    answer = expert.post(INFER, json={"inputs": inputs(ROWS, **replaced)})
    assert answer.status_code in {400, 413}, answer.text
    assert set(answer.get_json()) == {"error"}
    assert text in answer.get_json()["error"]


def test_errors_have_the_protocols_shape(http: FlaskClient, expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    nobody = http.post(INFER, json={"inputs": inputs(ROWS)})
    assert (nobody.status_code, set(nobody.get_json())) == (401, {"error"})
    assert nobody.headers["WWW-Authenticate"].startswith("Bearer")
    for path in (f"{MODEL}/versions/9/infer", f"{MODEL}/versions/none/infer", "/v2/models/none/infer"):
        unknown = expert.post(path, json={"inputs": inputs(ROWS)})
        assert unknown.status_code in {404, 503}, path
        assert set(unknown.get_json()) == {"error"}
    assert "error" in expert.get("/v2/nothing").get_json()
    assert expert.post(INFER, data=b"").status_code == 400


def test_a_version_can_be_named(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    registered("bugs", "multiclass", version=2, alias="challenger")
    for named in ("2", "challenger"):
        answer = expert.post(f"{MODEL}/versions/{named}/infer", json={"inputs": inputs(ROWS)})
        assert answer.get_json()["model_version"] == "2"
