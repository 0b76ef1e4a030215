"""Open Inference Protocol v2 (REST): the body of an inference request comes in as tensors, its answer goes out.

A body is JSON, or JSON followed by the raw bytes of its tensors (the binary tensor data extension).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backend.errors import Malformed, TooLarge
from backend.protocols.strict_json import parse_rows, write_json
from backend.protocols.tensors import DATATYPES, Tensor, Values, from_bytes, from_json, to_bytes, verify_shape

Parameters = Mapping[str, str | int | float | bool]

HEADER = "Inference-Header-Content-Length"
_SIZE, _BINARY, _ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"
# What a server may offer besides, and would change the meaning of a request if it were passed over.
_NOT_OFFERED = ("classification", "shared_memory_region", "sequence_id")


@dataclass(frozen=True)
class Question:
    """What was asked: tensors in, and by name which outputs go out and whether as binary data; `id` is empty where it brings none."""

    id: str
    parameters: Parameters
    inputs: Sequence[Tensor]
    outputs: Mapping[str, bool] | None
    all_binary: bool

    def wants_binary(self, name: str) -> bool:
        return self.all_binary if self.outputs is None else self.outputs[name]


@dataclass(frozen=True)
class Output:
    """One tensor of the answer; `values` are flat, in row-major order."""

    name: str
    datatype: str
    shape: Sequence[int]
    values: Values
    parameters: Parameters = field(default_factory=dict)


def parse(
    body: bytes,
    header_length: str | None,
    *,
    max_rows: int,
    datatypes: Collection[str] = DATATYPES,
) -> Question:
    """The question of a request body; Malformed says what is wrong with it, TooLarge how many rows are too many.

    `header_length` is the header that says where the JSON ends, `datatypes` those that its tensors may have.
    """
    text, raw = _split(body, header_length)
    asked = parse_rows(text)
    if not isinstance(asked, dict):
        raise Malformed("The request must be a JSON object with 'inputs'.")
    given_id = asked.get("id")
    if not isinstance(given_id, str | None):
        raise Malformed("'id' must be text.")
    parameters = _parameters("The request", asked)
    all_binary = _flag("The request", parameters, _ALL_BINARY) or False
    return Question(
        id=given_id or "",
        parameters={name: value for name, value in parameters.items() if name != _ALL_BINARY},
        inputs=_inputs(asked.get("inputs"), raw, max_rows, datatypes),
        outputs=_outputs(asked.get("outputs"), all_binary),
        all_binary=all_binary,
    )


def render(
    question: Question, outputs: Sequence[Output], *, model: str, version: str, new_id: str
) -> tuple[bytes, int | None]:
    """The body of the answer, and the length of its JSON part where raw bytes follow; `new_id` answers a question that brings no id.

    Raises Malformed where an output was asked for that the model does not give.
    """
    chosen = _chosen(question, outputs)
    raw = {out.name: to_bytes(out.datatype, out.values) for out in chosen if question.wants_binary(out.name)}
    answer: dict[str, Any] = {"model_name": model, "model_version": version, "id": question.id or new_id}
    if question.parameters:
        answer["parameters"] = dict(question.parameters)
    answer["outputs"] = [_rendered(out, raw.get(out.name)) for out in chosen]
    text = write_json(answer)
    return (b"".join([text, *raw.values()]), len(text)) if raw else (text, None)


def _split(body: bytes, header_length: str | None) -> tuple[bytes, memoryview]:
    if header_length is None:
        return body, memoryview(b"")
    if not (header_length.isascii() and header_length.isdigit() and len(header_length) < 16):
        raise Malformed(f"{HEADER} must be the number of bytes of the JSON.")
    length = int(header_length)
    if length > len(body):
        raise Malformed(f"{HEADER} says {length} bytes of JSON, the body has {len(body)}.")
    return body[:length], memoryview(body)[length:]


def _inputs(given: object, raw: memoryview, max_rows: int, datatypes: Collection[str]) -> list[Tensor]:
    if not isinstance(given, list) or not given:
        raise Malformed("'inputs' must be a list with at least one tensor.")
    tensors: list[Tensor] = []
    seen: set[str] = set()
    for place, part in enumerate(given):
        tensor, size = _input(part, place, raw, max_rows, datatypes)
        raw = raw[size:]
        if tensor.name in seen:
            raise Malformed(f"Input '{tensor.name}' is given twice.")
        seen.add(tensor.name)
        tensors.append(tensor)
    if raw.nbytes:
        raise Malformed(f"{raw.nbytes} bytes after the JSON belong to no input.")
    return tensors


def _input(part: object, place: int, raw: memoryview, max_rows: int, datatypes: Collection[str]) -> tuple[Tensor, int]:
    """The tensor of one entry, and how many of the raw bytes are its own."""
    if not isinstance(part, dict) or not isinstance(part.get("name"), str):
        raise Malformed(f"Input {place} must be an object with 'name', 'shape', 'datatype' and 'data'.")
    name = part["name"][:80]
    datatype: Any = part.get("datatype")
    if datatype not in datatypes:
        raise Malformed(f"Input '{name}': 'datatype' must be one of {', '.join(datatypes)}.")
    shape = verify_shape(name, part.get("shape"))
    if shape[0] > max_rows:
        raise TooLarge(f"Input '{name}' has more than the {max_rows} rows that one request may hold.")
    size = _size(name, part)
    if size is None:
        return Tensor(part["name"], datatype, shape, from_json(name, datatype, shape, part["data"])), 0
    if size > raw.nbytes:
        raise Malformed(f"Input '{name}': {size} bytes of binary data are announced, {raw.nbytes} are left.")
    return Tensor(part["name"], datatype, shape, from_bytes(name, datatype, shape, raw[:size])), size


def _size(name: str, part: Mapping[str, Any]) -> int | None:
    """How many raw bytes an input has; None where its values are in the JSON."""
    parameters = _parameters(f"Input '{name}'", part)
    if parameters.get("content_type") == "base64":
        raise Malformed(f"Input '{name}': base64 is not decoded here; send the text itself or binary data.")
    size = parameters.get(_SIZE)
    if ("data" in part) == (size is not None):
        raise Malformed(f"Input '{name}' must have either 'data' or the parameter '{_SIZE}', and not both.")
    if size is not None and (type(size) is not int or size < 0):
        raise Malformed(f"Input '{name}': '{_SIZE}' must be a whole number of bytes.")
    return size


def _outputs(given: object, all_binary: bool) -> dict[str, bool] | None:  # noqa: FBT001 - a fact of the request
    """Each output asked for, and whether as binary data; None where nothing is chosen."""
    if given is None or given == []:
        return None
    if not isinstance(given, list):
        raise Malformed("'outputs' must be a list of objects with 'name'.")
    asked: dict[str, bool] = {}
    for part in given:
        if not isinstance(part, dict) or not isinstance(part.get("name"), str):
            raise Malformed("'outputs' must be a list of objects with 'name'.")
        name = part["name"]
        if name in asked:
            raise Malformed(f"Output '{name[:80]}' is asked for twice.")
        wanted = _flag(f"Output '{name[:80]}'", _parameters(f"Output '{name[:80]}'", part), _BINARY)
        asked[name] = all_binary if wanted is None else wanted
    return asked


def _parameters(owner: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a request or a tensor, each a text, a finite number or a truth value."""
    given = part.get("parameters")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Malformed(f"{owner}: 'parameters' must be an object.")
    for name, value in given.items():
        if type(value) not in {str, int, float, bool} or (type(value) is float and not math.isfinite(value)):
            raise Malformed(f"{owner}: the parameter '{name[:80]}' must be text, a number, true or false.")
        if name in _NOT_OFFERED:
            raise Malformed(f"{owner}: the parameter '{name}' asks for an extension that is not offered here.")
    return given


def _flag(owner: str, parameters: Mapping[str, Any], name: str) -> bool | None:
    value = parameters.get(name)
    if not isinstance(value, bool | None):
        raise Malformed(f"{owner}: the parameter '{name}' must be true or false.")
    return value


def _chosen(question: Question, outputs: Sequence[Output]) -> list[Output]:
    if question.outputs is None:
        return list(outputs)
    known = {out.name: out for out in outputs}
    unknown = next((name for name in question.outputs if name not in known), None)
    if unknown is not None:
        raise Malformed(f"This model has no output '{unknown[:80]}'; it has {', '.join(known)}.")
    return [known[name] for name in question.outputs]


def _rendered(out: Output, raw: bytes | None) -> dict[str, Any]:
    parameters = dict(out.parameters) if raw is None else {**out.parameters, _SIZE: len(raw)}
    rendered: dict[str, Any] = {"name": out.name, "datatype": out.datatype, "shape": list(out.shape)}
    if parameters:
        rendered["parameters"] = parameters
    if raw is None:
        rendered["data"] = _json_values(out.values)
    return rendered


def _json_values(values: Values) -> list[Any]:
    """The values as strict JSON has them: what is no finite number is null."""
    plain = values.tolist() if isinstance(values, np.ndarray) else values
    return [None if type(value) is float and not math.isfinite(value) else value for value in plain]
