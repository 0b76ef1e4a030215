"""Predictions in the platform's own shape: one row or many, in order or by name."""

from typing import Any

from backend.api.observing import note_served
from backend.api.platform import Platform
from backend.api.routing import Endpoints, VersionQuery
from backend.database import new_id
from backend.identity.principal import Permission
from backend.protocols import native
from backend.protocols.strict_json import write_json
from backend.serving.models import ServedModel

endpoints = Endpoints("Predict")

_CONTRACT: dict[str, Any] = {
    "access": Permission.PREDICT,
    "protocol": "native",
    "accepts": {"application/json": native.REQUEST_SCHEMA},
    "answers": native.ANSWER_SCHEMA,
}


@endpoints.post("/predict", **_CONTRACT)
def predict_default(payload: bytes, query: VersionQuery, platform: Platform) -> dict[str, Any]:
    """Predict with the default model."""
    return answer(platform.shelf.default_model, payload, query, platform)


@endpoints.post("/v1/models/{model}/predict", **_CONTRACT)
def predict(model: str, payload: bytes, query: VersionQuery, platform: Platform) -> dict[str, Any]:
    """Predict with this model: `{"features": row}` or `{"features": [row, ..]}`."""
    return answer(model, payload, query, platform)


def answer(model: str, payload: bytes, query: VersionQuery, platform: Platform) -> dict[str, Any]:
    """The predictions for the rows of a body."""
    question = native.parse(payload, max_rows=platform.settings.max_rows)
    served = platform.shelf.get(model, alias=query.alias, version=query.version)
    note_served(served.version)
    answered = _predicted(served, question)
    note_served(served.version, len(question.rows))
    return answered


def answer_body(served: ServedModel, payload: bytes, max_rows: int) -> tuple[bytes, int]:
    """The answer to a body, as JSON, and its rows."""
    question = native.parse(payload, max_rows=max_rows)
    return write_json(_predicted(served, question)), len(question.rows)


def _predicted(served: ServedModel, question: native.Question) -> dict[str, Any]:
    predictions = served.predict(question.rows)
    return native.render(question, predictions, model=served.model, version=served.version, prediction_id=new_id())
