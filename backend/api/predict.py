"""Predictions in the platform's own shape: one row or many, in order or by name."""

from typing import Any

import numpy as np
from flask import Response
from numpy.typing import NDArray

from backend.api.naming import caller_names
from backend.api.observing import note_served
from backend.api.platform import Platform
from backend.api.recording import note_answer
from backend.api.routing import Endpoints, VersionQuery
from backend.errors import SignetError
from backend.identity.principal import Permission
from backend.protocols import native
from backend.protocols.strict_json import write_json
from backend.serving.models import Outputs, Predictions, ServedModel
from backend.serving.prediction_ids import Namer

endpoints = Endpoints("Predict")

_CONTRACT: dict[str, Any] = {
    "access": Permission.PREDICT,
    "protocol": "native",
    "accepts": {"application/json": native.REQUEST_SCHEMA},
    "answers": native.ANSWER_SCHEMA,
}


@endpoints.post("/predict", **_CONTRACT)
def predict_default(payload: bytes, query: VersionQuery, platform: Platform) -> Response:
    """Predict with the default model."""
    return answer(platform.shelf.default_model, payload, query, platform)


@endpoints.post("/v1/models/{model}/predict", **_CONTRACT)
def predict(model: str, payload: bytes, query: VersionQuery, platform: Platform) -> Response:
    """Predict with this model: `{"features": row}` or `{"features": [row, ..]}`."""
    return answer(model, payload, query, platform)


def answer(model: str, payload: bytes, query: VersionQuery, platform: Platform) -> Response:
    """The predictions for the rows of a body."""
    try:
        served = platform.shelf.get(model, alias=query.alias, version=query.version)
    except SignetError:
        native.parse(payload, max_rows=platform.settings.max_rows)  # what is wrong with the body is said first
        raise
    note_served(served.version)
    body, rows, identifier = answer_body(served, payload, platform.settings.max_rows, caller_names())
    note_served(served.version, rows)
    note_answer(served, identifier, payload)
    return Response(body, content_type="application/json")


def answer_body(served: ServedModel, payload: bytes, max_rows: int, name: Namer) -> tuple[bytes, int, str]:
    """The answer to a body, as JSON, its rows and its id."""
    table = _table(served, payload, max_rows)
    if table is not None:
        return _answer_many(served, table, name)
    question = native.parse(payload, max_rows=max_rows)
    predictions = served.predict(question.rows)
    identifier = name(served.tag, len(predictions.values))
    return write_json(_rendered(served, question, predictions, identifier)), len(predictions.values), identifier


def answer_table(served: ServedModel, payload: bytes, max_rows: int, name: Namer) -> tuple[bytes, int, str] | None:
    """The same where the body is a table of numbers that the model answers briefly; otherwise None."""
    table = _table(served, payload, max_rows)
    return None if table is None or not served.is_brief(len(table)) else _answer_many(served, table, name)


def _answer_many(served: ServedModel, table: NDArray[np.float64], name: Namer) -> tuple[bytes, int, str]:
    outputs, identifier = served.predict_numbers(table), name(served.tag, len(table))
    return _rendered_many(served, outputs, identifier), len(table), identifier


def _table(served: ServedModel, payload: bytes, max_rows: int) -> NDArray[np.float64] | None:
    if not served.takes_numbers:
        return None
    return native.parse_table(payload, len(served.signature.columns), max_rows=max_rows)


def _rendered_many(served: ServedModel, outputs: Outputs, identifier: str) -> bytes:
    if outputs.shares is None:
        return write_json(_rendered(served, native.Question((), many=True), served.as_predictions(outputs), identifier))
    origin = {"model": served.model, "version": served.version, "prediction_id": identifier}
    return native.render_many(outputs.json_values(), served.class_names, outputs.shares, **origin)


def _rendered(
    served: ServedModel, question: native.Question, predictions: Predictions, identifier: str
) -> dict[str, Any]:
    return native.render(question, predictions, model=served.model, version=served.version, prediction_id=identifier)
