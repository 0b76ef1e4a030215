"""The Open Inference Protocol's bodies: what is read and written, and every way in which a body can lie."""

import json
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backend.errors import Malformed, SignetError, TooLarge
from backend.protocols.open_inference import Output, Question, parse, render
from backend.protocols.tensors import to_bytes


def ask(body: object, raw: bytes = b"", header: str | None = None, max_rows: int = 1000) -> Question:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    if raw and header is None:
        header = str(len(text))
    return parse(text + raw, header, max_rows=max_rows)


def tensor(data: object, datatype: str = "FP64", shape: object = None, **more: Any) -> dict[str, Any]:
    return {"name": "a", "datatype": datatype, "shape": [len(data)] if shape is None else shape, "data": data, **more}  # type: ignore[arg-type]


def one(data: object, datatype: str = "FP64", shape: object = None) -> list[Any]:
    return list(ask({"inputs": [tensor(data, datatype, shape)]}).inputs[0].values)


def binary(raw: bytes, datatype: str, shape: list[int], size: object = None) -> list[Any]:
    parameters = {"binary_data_size": len(raw) if size is None else size}
    part = {"name": "a", "datatype": datatype, "shape": shape, "parameters": parameters}
    return list(ask({"inputs": [part]}, raw, header=str(len(json.dumps({"inputs": [part]})))).inputs[0].values)


@pytest.mark.parametrize(
    ("data", "datatype", "shape", "values"),
    [
        ([1.5, 2], "FP64", None, [1.5, 2]),
        ([1.5, None], "FP32", None, [1.5, None]),
        ([[1.0], [2.0]], "FP64", [2, 1], [1.0, 2.0]),
        ([1.0, 2.0], "FP64", [2, 1], [1.0, 2.0]),
        ([[1, 2, 3], [4, 5, 6]], "INT64", [2, 3], [1, 2, 3, 4, 5, 6]),
        ([-128, 127], "INT8", None, [-128, 127]),
        ([2**64 - 1], "UINT64", None, [2**64 - 1]),
        ([3.0], "INT64", None, [3.0]),
        ([None, 1], "INT64", None, [None, 1]),
        ([True, False], "BOOL", None, [True, False]),
        (["é", ""], "BYTES", None, ["é", ""]),
    ],
)
def test_json_data_nested_or_flat(data: object, datatype: str, shape: object, values: list[Any]) -> None:
    assert one(data, datatype, shape) == values


def test_a_bare_nan_is_missing_as_null_is() -> None:
    text = b'{"inputs": [{"name": "a", "datatype": "FP64", "shape": [2], "data": [NaN, null]}]}'
    assert ask(text).inputs[0].values == [None, None]


LIES: dict[str, tuple[Any, str]] = {
    "more values than the shape": (tensor([1.0, 2.0], shape=[1]), "2 values, its shape \\[1\\]"),
    "fewer values than the shape": (tensor([1.0], shape=[3]), "1 values, its shape \\[3\\]"),
    "text in FP64": (tensor([1.0, "a"]), "row 1 is not a number"),
    "a number as text in INT64": (tensor(["7"], "INT64"), "row 0 is not a whole number"),
    "true in FP64": (tensor([True]), "row 0 is not a number"),
    "true in INT64": (tensor([True], "INT64"), "row 0 is not a whole number"),
    "300 in INT8": (tensor([1, 300], "INT8"), "row 1 is not a whole number from -128 to 127"),
    "-1 in UINT8": (tensor([-1], "UINT8"), "from 0 to 255"),
    "2**63 in INT64": (tensor([2**63], "INT64"), "row 0 is not a whole number"),
    "1.7 in INT64": (tensor([1.7], "INT64"), "row 0 is not a whole number"),
    "1e40 in FP32": (tensor([1e40], "FP32"), "FP32 holds"),
    "1 in BOOL": (tensor([1], "BOOL"), "row 0 is not true or false"),
    "a number in BYTES": (tensor(["x", 1], "BYTES"), "row 1 is not text"),
    "FP16": (tensor([1.0], "FP16"), "cannot carry FP16"),
    "a negative size": (tensor([1.0], shape=[-1]), "none of them negative"),
    "a size as text": (tensor([1.0], shape=["1"]), "whole numbers"),
    "a size as a fraction": (tensor([1.0], shape=[1.0]), "whole numbers"),
    "a size as truth": (tensor([1.0], shape=[True]), "whole numbers"),
    "no rows": (tensor([], shape=[0]), "no rows"),
    "no dimensions": (tensor([1.0], shape=[]), "0 dimensions"),
    "three dimensions": (tensor([1.0], shape=[1, 1, 1]), "3 dimensions"),
    "ragged": (tensor([[1.0, 2.0], [3.0]], shape=[2, 2]), "row 1 of 'data' has 1 values"),
    "nested too deeply": (tensor([[[1.0]]], shape=[1, 1]), "not nested"),
    "objects": (tensor([{"a": 1}]), "not nested"),
    "an unknown datatype": (tensor([1.0], "BF16"), "'datatype' must be one of"),
    "a datatype that is a list": (tensor([1.0], ["FP64"]), "'datatype' must be one of"),  # type: ignore[arg-type]
    "data that is no list": (tensor("ab", "BYTES", [2]), "must be a list"),
    "no data": ({"name": "a", "datatype": "FP64", "shape": [1]}, "either 'data' or"),
    "data twice": (tensor([1.0], parameters={"binary_data_size": 8}), "not both"),
    "no name": ({"datatype": "FP64", "shape": [1], "data": [1.0]}, "must be an object with 'name'"),
    "no object": (5, "must be an object with 'name'"),
    "base64": (tensor(["YQ=="], "BYTES", parameters={"content_type": "base64"}), "base64 is not decoded"),
    "shared memory": (tensor([1.0], parameters={"shared_memory_region": "x"}), "not offered"),
    "a size of binary data below zero": (
        {"name": "a", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": -1}},
        "whole number of bytes",
    ),
    "more binary data than there is": (
        {"name": "a", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}},
        "0 are left",
    ),
}


@pytest.mark.parametrize(("part", "reason"), LIES.values(), ids=LIES)
def test_a_tensor_that_lies_is_refused(part: object, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        ask({"inputs": [part]})


@pytest.mark.parametrize("shape", [[2**60, 2**10], [2**63], [10**300, 1], [2**32, 2**32]])
def test_an_enormous_shape_costs_no_memory(shape: list[int]) -> None:
    tracemalloc.start()
    try:
        for datatype, raw in (("FP64", b"\0" * 8), ("BYTES", b"\0" * 8)):
            with pytest.raises(SignetError):
                one([1.0], datatype, shape)
            part = {"name": "a", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": 8}}
            with pytest.raises(SignetError):
                ask({"inputs": [part]}, raw, max_rows=10**400)
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()


BODIES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "not JSON"),
    "a list": (b"[]", "must be a JSON object"),
    "no inputs": (b"{}", "'inputs' must be a list"),
    "empty inputs": (b'{"inputs": []}', "at least one"),
    "inputs that are an object": (b'{"inputs": {}}', "must be a list"),
    "a number as id": (b'{"id": 5, "inputs": []}', "'id' must be text"),
    "Infinity": (b'{"inputs": [Infinity]}', "Infinity is not"),
    "a key twice": (b'{"inputs": [], "inputs": []}', "appears twice"),
    "a bomb": (b'{"inputs": ' + b"[" * 100_000, "nested too deeply"),
    "digits without end": (b'{"inputs": [' + b"9" * 100_000 + b"]}", "too many digits"),
    "parameters that are a list": (b'{"parameters": [], "inputs": []}', "must be an object"),
    "a parameter that is a list": (b'{"parameters": {"a": []}, "inputs": []}', "'a' must be text"),
    "a parameter without end": (b'{"parameters": {"a": 1e999}, "inputs": []}', "'a' must be text"),
    "a sequence": (b'{"parameters": {"sequence_id": 5}, "inputs": []}', "not offered"),
    "a flag as a number": (b'{"parameters": {"binary_data_output": 1}, "inputs": []}', "true or false"),
}


@pytest.mark.parametrize(("body", "reason"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_none_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        ask(body)


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ({}, "list of objects"),
        (["prediction"], "list of objects"),
        ([{"name": "p"}, {"name": "p"}], "asked for twice"),
        ([{"name": "p", "parameters": {"binary_data": "yes"}}], "true or false"),
        ([{"name": "p", "parameters": {"classification": 2}}], "not offered"),
    ],
)
def test_outputs_that_cannot_be_are_refused(outputs: object, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        ask({"inputs": [tensor([1.0])], "outputs": outputs})


def test_the_same_input_twice_and_too_many_rows_are_refused() -> None:
    with pytest.raises(Malformed, match="'a' is given twice"):
        ask({"inputs": [tensor([1.0]), tensor([1.0])]})
    with pytest.raises(TooLarge, match="3 rows"):
        ask({"inputs": [tensor([1.0] * 4)]}, max_rows=3)


@pytest.mark.parametrize(
    ("datatype", "form"),
    [("FP16", "<f2"), ("FP32", "<f4"), ("FP64", "<f8"), ("INT8", "<i1"), ("UINT16", "<u2"), ("INT64", "<i8")],
)
def test_raw_numbers_come_out_exactly(datatype: str, form: str) -> None:
    values = np.array([1, 2, 100], dtype=form)
    assert binary(values.tobytes(), datatype, [3]) == values.tolist()


def test_raw_truth_values_and_texts() -> None:
    assert binary(b"\x01\x00", "BOOL", [2]) == [True, False]
    assert binary(to_bytes("BYTES", ["é", "", "abc"]), "BYTES", [3]) == ["é", "", "abc"]


RAW: dict[str, tuple[Callable[[], Any], str]] = {
    "too few bytes": (lambda: binary(b"\0" * 7, "FP64", [1]), "7 bytes of binary data"),
    "too many bytes": (lambda: binary(b"\0" * 16, "FP64", [1]), "16 bytes of binary data"),
    "a truth value of 2": (lambda: binary(b"\x01\x02", "BOOL", [2]), "row 1 is neither 0 nor 1"),
    "a text beyond the end": (lambda: binary(struct.pack("<I", 9) + b"abc", "BYTES", [1]), "beyond the end"),
    "a length of 4 GB": (lambda: binary(b"\xff" * 4, "BYTES", [1]), "beyond the end"),
    "a text too many": (lambda: binary(to_bytes("BYTES", ["a", "b"]), "BYTES", [1]), "left over"),
    "a text too few": (lambda: binary(to_bytes("BYTES", ["abcdef"]), "BYTES", [2]), "beyond the end"),
    "no text at all": (lambda: binary(b"abc", "BYTES", [2]), "too few"),
    "a text that is none": (lambda: binary(struct.pack("<I", 1) + b"\xff", "BYTES", [1]), "row 0 is not UTF-8"),
    "a size that lies": (lambda: binary(b"\0" * 8, "FP64", [2], 16), "16 bytes of binary data are announced"),
    "bytes of nobody": (lambda: ask({"inputs": [tensor([1.0])]}, b"abc"), "belong to no input"),
    "a header too large": (lambda: ask({"inputs": [tensor([1.0])]}, header="9999"), "says 9999 bytes"),
    "a header too small": (lambda: ask({"inputs": [tensor([1.0])]}, header="5"), "not JSON"),
    "a header below zero": (lambda: ask({"inputs": [tensor([1.0])]}, header="-1"), "must be the number of bytes"),
    "a header that is text": (lambda: ask({"inputs": [tensor([1.0])]}, header="five"), "must be the number of bytes"),
    "a header in other digits": (lambda: ask({"inputs": [tensor([1.0])]}, header="²"), "must be the number of bytes"),
}


@pytest.mark.parametrize(("call", "reason"), RAW.values(), ids=RAW)
def test_raw_data_that_lies_is_refused(call: Callable[[], Any], reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        call()


OUTPUTS = [
    Output("prediction", "BYTES", [2], ["ant", "bee"]),
    Output("probabilities", "FP64", [2, 2], np.array([0.1, 0.9, 1.0, 0.0]), {"class_names": "[]"}),
]


def answer(**more: Any) -> tuple[dict[str, Any], bytes]:
    question = ask({"inputs": [tensor([1.0])], **more})
    body, length = render(question, OUTPUTS, model="m", version="3", new_id="new")
    return json.loads(body[:length]), b"" if length is None else body[length:]


def test_the_answer_has_every_output_flat_and_a_new_id() -> None:
    answered, raw = answer()
    assert (answered["model_name"], answered["model_version"], answered["id"], raw) == ("m", "3", "new", b"")
    assert "parameters" not in answered
    assert answered["outputs"][0] == {"name": "prediction", "datatype": "BYTES", "shape": [2], "data": ["ant", "bee"]}
    assert answered["outputs"][1]["data"] == [0.1, 0.9, 1.0, 0.0]


def test_the_id_and_the_parameters_come_back_with_their_types() -> None:
    parameters = {"text": "1", "whole": 1, "float": 1.0, "truth": True}
    answered, _ = answer(id="mine", parameters=parameters)
    assert answered["id"] == "mine"
    assert {name: (type(v), v) for name, v in answered["parameters"].items()} == {
        name: (type(v), v) for name, v in parameters.items()
    }


def test_only_the_outputs_asked_for_are_answered() -> None:
    answered, _ = answer(outputs=[{"name": "probabilities"}])
    assert [out["name"] for out in answered["outputs"]] == ["probabilities"]
    with pytest.raises(Malformed, match="no output 'other'; it has prediction, probabilities"):
        answer(outputs=[{"name": "other"}])


def test_outputs_go_out_as_binary_data_where_asked() -> None:
    answered, raw = answer(parameters={"binary_data_output": True})
    sizes = [out["parameters"]["binary_data_size"] for out in answered["outputs"]]
    assert sizes == [14, 32]
    assert raw[:14] == b"\3\0\0\0ant\3\0\0\0bee"
    assert np.frombuffer(raw[14:], "<f8").tolist() == [0.1, 0.9, 1.0, 0.0]
    assert all("data" not in out for out in answered["outputs"])


def test_an_outputs_own_wish_wins() -> None:
    wishes = [{"name": "prediction", "parameters": {"binary_data": False}}, {"name": "probabilities"}]
    answered, raw = answer(parameters={"binary_data_output": True}, outputs=wishes)
    assert answered["outputs"][0]["data"] == ["ant", "bee"]
    assert len(raw) == 32


def test_what_is_no_number_is_null_in_json_and_nan_in_binary() -> None:
    out = [Output("prediction", "FP64", [3], [1.0, float("nan"), float("inf")])]
    body, _ = render(ask({"inputs": [tensor([1.0])]}), out, model="m", version="1", new_id="x")
    assert json.loads(body)["outputs"][0]["data"] == [1.0, None, None]
    asked = ask({"inputs": [tensor([1.0])], "parameters": {"binary_data_output": True}})
    body, length = render(asked, out, model="m", version="1", new_id="x")
    assert np.isnan(np.frombuffer(body[length:], "<f8")[1])
