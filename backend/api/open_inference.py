"""Predictions by the Open Inference Protocol v2, as KServe's, Triton's and MLServer's clients speak it."""

import re
from functools import partial
from typing import Any, NamedTuple

from flask import Response, request

from backend.api import operation
from backend.api.access import Allow
from backend.api.naming import HEADER, caller_names
from backend.api.observing import note_served
from backend.api.platform import Platform
from backend.api.problem import restated
from backend.api.recording import note_answer
from backend.api.routing import Endpoints
from backend.identity.principal import Permission
from backend.protocols import open_inference as protocol
from backend.protocols import open_inference_schemas as schemas
from backend.protocols.open_inference_model import EXTENSIONS, NUMBERS, columns_of, metadata, outputs_of, table_of
from backend.serving.models import Outputs, ServedModel
from backend.serving.prediction_ids import Namer
from backend.settings import VERSION

endpoints = Endpoints("Open Inference Protocol v2")

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_BRIEF_DIGITS = 4  # of the length of a JSON text that is read in no time
_MODEL, _VERSION = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"


def _error(_: Exception, response: Response) -> Response:
    return restated(response, lambda problem: {"error": problem["detail"]})


_own: partial[dict[str, Any]] = partial(dict, shape=_error, failure=schemas.FAILURE)
_PUBLIC: dict[str, Any] = _own(access=Allow.PUBLIC, answers=schemas.HEALTH)
_SERVER: dict[str, Any] = _own(access=Permission.PREDICT, answers=schemas.SERVER)
_METADATA: dict[str, Any] = _own(access=Permission.PREDICT, answers=schemas.MODEL)
_READY: dict[str, Any] = _own(access=Permission.PREDICT, answers=schemas.MODEL_READY)
_INFER: dict[str, Any] = _own(
    access=Permission.PREDICT,
    protocol="open-inference",
    accepts={"application/json": schemas.REQUEST, "application/octet-stream": schemas.BINARY},
    answers=schemas.ANSWER,
    exports={"application/octet-stream": schemas.BINARY},
    # Official clients name no type, or the wrong one; where the JSON ends is said by a header of the protocol.
    reads_any_type=True,
)


@endpoints.get("/v2/health/live", **_PUBLIC)
def read_v2_live() -> dict[str, bool]:
    """The process answers."""
    return {"live": True}


@endpoints.get("/v2/health/ready", **_PUBLIC)
def read_v2_ready(platform: Platform) -> dict[str, bool]:
    """The process can serve; 503 otherwise."""
    operation.read_ready(platform)
    # The standard's text and its clients differ on the name.
    return {"live": True, "ready": True}


@endpoints.get("/v2", **_SERVER)
def read_v2_server() -> dict[str, Any]:
    """Name, version and extensions of the server."""
    return {"name": "signet", "version": VERSION, "extensions": list(EXTENSIONS)}


@endpoints.get("/v2/", **_SERVER)
def read_v2_server_slash() -> dict[str, Any]:
    """The same: the standard's OpenAPI document has the slash, its text has none."""
    return dict(read_v2_server())


@endpoints.get(_MODEL, **_METADATA)
def read_v2_model(model: str, platform: Platform) -> dict[str, Any]:
    """The tensors that a model takes and gives."""
    return _metadata(_served(platform, model))


@endpoints.get(_VERSION, **_METADATA)
def read_v2_model_version(model: str, version: str, platform: Platform) -> dict[str, Any]:
    """The tensors that a version, given by number or alias, takes and gives."""
    return _metadata(_served(platform, model, version))


@endpoints.get(f"{_MODEL}/ready", **_READY)
def read_v2_model_ready(model: str, platform: Platform) -> dict[str, Any]:
    """The model can predict; 404 where there is none, 503 where it cannot."""
    _served(platform, model)
    return {"name": model, "ready": True}


@endpoints.get(f"{_VERSION}/ready", **_READY)
def read_v2_model_version_ready(model: str, version: str, platform: Platform) -> dict[str, Any]:
    """The version can predict; 404 where there is none, 503 where it cannot."""
    _served(platform, model, version)
    return {"name": model, "ready": True}


@endpoints.post(f"{_MODEL}/infer", **_INFER)
def infer(model: str, payload: bytes, platform: Platform) -> Response:
    """Predict: one tensor a column, or one of numbers (rows, columns); JSON and binary tensor data."""
    return _infer(_served(platform, model), payload, platform)


@endpoints.post(f"{_VERSION}/infer", **_INFER)
def infer_version(model: str, version: str, payload: bytes, platform: Platform) -> Response:
    """Predict with a version, given by number or alias."""
    return _infer(_served(platform, model, version), payload, platform)


def _served(platform: Platform, model: str, version: str | None = None) -> ServedModel:
    if version is not None and not _NUMBER.fullmatch(version):
        return platform.shelf.get(model, alias=version)
    return platform.shelf.get(model, version=version)


def _metadata(served: ServedModel) -> dict[str, Any]:
    made = served.signature
    return metadata(served.model, served.version, made.algorithm, made.columns, made.classes, served.class_names)


def _predicted(served: ServedModel, question: protocol.Question) -> Outputs:
    columns = served.signature.columns
    table = table_of(question.inputs, columns)
    if table is not None:
        return served.predict_numbers(table)
    return served.predict_columns(columns_of(question.inputs, columns))


class Answered(NamedTuple):
    """The body of an answer, the length of its JSON where binary data follows, its rows and its id."""

    body: bytes
    json_length: int | None
    rows: int
    id: str


def answer_body(served: ServedModel, payload: bytes, header_length: str | None, max_rows: int, name: Namer) -> Answered:
    """The answer to a body whose JSON ends where the header says."""
    return _answered(served, protocol.parse(payload, header_length, max_rows=max_rows), name)


def answer_numbers(
    served: ServedModel, payload: bytes, header_length: str | None, max_rows: int, name: Namer
) -> Answered | None:
    """The same for binary tensors of numbers that the model answers briefly; otherwise None."""
    if header_length is None or len(header_length) > _BRIEF_DIGITS:
        return None
    question = protocol.parse(payload, header_length, max_rows=max_rows, datatypes=NUMBERS)
    return _answered(served, question, name) if served.is_brief(question.inputs[0].shape[0]) else None


def _answered(served: ServedModel, question: protocol.Question, name: Namer) -> Answered:
    made = served.signature
    predicted = _predicted(served, question)
    outputs = outputs_of(predicted.values, predicted.shares, made.classes, served.class_names)
    rows = len(predicted.values)
    identifier = name(served.tag, rows)
    body, json_length = protocol.render(
        question, outputs, model=served.model, version=served.version, new_id=identifier
    )
    return Answered(body, json_length, rows, identifier)


def _infer(served: ServedModel, payload: bytes, platform: Platform) -> Response:
    note_served(served.version)
    length = request.headers.get(protocol.HEADER)
    found = answer_body(served, payload, length, platform.settings.max_rows, caller_names())
    note_served(served.version, found.rows)
    note_answer(served, found.id, payload)
    headers = {HEADER: found.id}
    if found.json_length is None:
        return Response(found.body, content_type="application/json", headers=headers)
    headers[protocol.HEADER] = str(found.json_length)
    return Response(found.body, content_type="application/octet-stream", headers=headers)
