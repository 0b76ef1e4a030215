"""JSON Schemas of the Open Inference Protocol's bodies, for the API's document."""

from typing import Any

from backend.protocols.tensors import DATATYPES

_TEXT: dict[str, Any] = {"type": "string"}
_DATATYPE: dict[str, Any] = {"enum": list(DATATYPES)}
_PARAMETERS: dict[str, Any] = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


def _shape(lowest: int) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "integer", "minimum": lowest}}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_DATA: dict[str, Any] = {"type": "array", "description": "The values in row-major order, nested as the shape or flat"}
_INPUT = _object(
    ["name", "shape", "datatype"], name=_TEXT, shape=_shape(1), datatype=_DATATYPE, parameters=_PARAMETERS, data=_DATA
)
_OUTPUT = _object(
    ["name", "shape", "datatype"], name=_TEXT, shape=_shape(0), datatype=_DATATYPE, parameters=_PARAMETERS, data=_DATA
)
_DESCRIBED = _object(
    ["name", "shape", "datatype"], name=_TEXT, shape=_shape(-1), datatype=_DATATYPE, parameters=_PARAMETERS
)

REQUEST = _object(
    ["inputs"],
    id=_TEXT,
    parameters=_PARAMETERS,
    inputs={**_list(_INPUT), "minItems": 1},
    outputs=_list(_object(["name"], name=_TEXT, parameters=_PARAMETERS)),
)
ANSWER = _object(
    ["model_name", "outputs", "id"],
    model_name=_TEXT,
    model_version=_TEXT,
    id=_TEXT,
    parameters=_PARAMETERS,
    outputs=_list(_OUTPUT),
)
BINARY: dict[str, Any] = {
    "type": "string",
    "format": "binary",
    "description": "JSON, then the raw little-endian bytes of the tensors with `binary_data_size`, in their order",
}
MODEL = _object(
    ["name", "platform", "inputs", "outputs"],
    name=_TEXT,
    versions=_list(_TEXT),
    platform=_TEXT,
    inputs=_list(_DESCRIBED),
    outputs=_list(_DESCRIBED),
)
MODEL_READY = _object(["name", "ready"], name=_TEXT, ready={"type": "boolean"})
SERVER = _object(["name", "version", "extensions"], name=_TEXT, version=_TEXT, extensions=_list(_TEXT))
HEALTH: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "boolean"}}
FAILURE = _object(["error"], error={"type": "string", "description": "What is wrong and what to do"})
