"""Predictions by MLflow's scoring protocol, as its clients and those of SageMaker containers speak it."""

from functools import partial
from importlib import metadata
from typing import Any

from flask import Response, request

from backend.api.access import Allow
from backend.api.naming import HEADER, caller_names
from backend.api.observing import note_served
from backend.api.platform import Platform
from backend.api.problem import restated
from backend.api.recording import note_answer
from backend.api.routing import Endpoints, VersionQuery
from backend.errors import NotFound
from backend.identity.principal import Permission
from backend.protocols import mlflow_scoring as protocol
from backend.protocols.csv_rows import parse_csv
from backend.protocols.strict_json import write_json
from backend.serving.models import Outputs, ServedModel
from backend.serving.parquet_body import encode_parquet
from backend.serving.prediction_ids import Namer
from backend.settings import Settings

endpoints = Endpoints("MLflow scoring protocol")


def _error(_: Exception, response: Response) -> Response:
    return restated(
        response,
        lambda problem: {
            "error_code": protocol.error_code(problem["status"]),
            "message": problem["detail"],
            "request_id": problem["request_id"],
        },
    )


_own: partial[dict[str, Any]] = partial(dict, shape=_error, failure=protocol.FAILURE_SCHEMA)
_PROBE: dict[str, Any] = _own(
    access=Allow.PUBLIC,
    answers={"type": "string", "description": "An empty line"},
    media_type="text/plain",
    refuses=(NotFound,),
)
_SCORE: dict[str, Any] = _own(
    access=Permission.PREDICT,
    protocol="mlflow",
    accepts={
        protocol.JSON: protocol.REQUEST_SCHEMA,
        protocol.CSV: {"type": "string", "description": "A header, then the rows; an empty field is missing"},
        protocol.PARQUET: {"type": "string", "format": "binary"},
    },
    answers=protocol.ANSWER_SCHEMA,
    reads_any_type=True,  # its absence means JSON, and its parameters are looked at too
)


@endpoints.get("/ping", **_PROBE)
def ping(platform: Platform) -> Response:
    """A model is served; 404 where none is."""
    return _probe(platform)


@endpoints.get("/health", **_PROBE)
def read_mlflow_health(platform: Platform) -> Response:
    """A model is served; 404 where none is."""
    return _probe(platform)


@endpoints.get("/version", **_own(access=Permission.PREDICT, answers={"type": "string"}, media_type="text/plain"))
def read_mlflow_version() -> Response:
    """The version of MLflow whose protocol this is: bare text, as MLflow writes it."""
    return Response(metadata.version("mlflow"), content_type="text/plain; charset=utf-8")


@endpoints.post("/invocations", **_SCORE)
def invoke_default(payload: bytes, query: VersionQuery, platform: Platform) -> Response:
    """Predict with the default model."""
    return _score(platform.shelf.default_model, payload, query, platform)


@endpoints.post("/endpoints/{model}/invocations", **_SCORE)
def invoke(model: str, payload: bytes, query: VersionQuery, platform: Platform) -> Response:
    """Predict with this model, at the address that MLflow's deployment client calls."""
    return _score(model, payload, query, platform)


def _probe(platform: Platform) -> Response:
    if not any(standing.served for standing in platform.shelf.standings()):
        raise NotFound("No model is served.")
    return Response("\n", content_type="text/plain; charset=utf-8")


def _score(model: str, payload: bytes, query: VersionQuery, platform: Platform) -> Response:
    kind = protocol.media_type(request.mimetype, request.mimetype_params)
    served = platform.shelf.get(model, alias=query.alias, version=query.version)
    note_served(served.version)
    predicted = _predicted(served, payload, kind, platform.settings)
    note_served(served.version, len(predicted.values))
    identifier = caller_names()(served.tag, len(predicted.values))
    note_answer(served, identifier, payload)
    body = write_json({"predictions": predicted.json_values()})
    return Response(body, content_type="application/json", headers={HEADER: identifier})


def _predicted(served: ServedModel, payload: bytes, kind: str, settings: Settings) -> Outputs:
    columns = served.signature.columns
    if kind == protocol.CSV:
        kinds = {column.name: column.kind for column in columns}
        return served.predict_columns(parse_csv(payload, kinds, max_rows=settings.max_rows))
    if kind == protocol.PARQUET:
        return served.predict_matrix(encode_parquet(settings, columns, payload))
    return _predicted_json(served, payload, settings.max_rows)


def answer_body(served: ServedModel, payload: bytes, max_rows: int, name: Namer) -> tuple[bytes, int, str]:
    """The answer to a JSON body, as JSON, its rows and its id."""
    values = _predicted_json(served, payload, max_rows).json_values()
    return write_json({"predictions": values}), len(values), name(served.tag, len(values))


def _predicted_json(served: ServedModel, payload: bytes, max_rows: int) -> Outputs:
    question = protocol.parse_json_body(payload, max_rows=max_rows)
    if question.columns is not None:
        return served.predict_columns(question.columns)
    return served.predict_rows(question.rows or [])
