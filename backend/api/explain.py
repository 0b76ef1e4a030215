"""Why a prediction is what it is: what each column of a row added to its answer."""

from typing import Any

from backend.api.observing import note_served
from backend.api.platform import Platform
from backend.api.routing import Endpoints, VersionQuery
from backend.errors import Conflict, NotReady
from backend.identity.principal import Permission
from backend.protocols import native
from backend.serving.explaining import Explanation
from backend.serving.models import ServedModel

endpoints = Endpoints("Predict")

# One row costs some hundred times what its prediction does.
MOST_ROWS = 16
_EXPLANATION: dict[str, Any] = {
    "type": "object",
    "required": ["prediction", "contributions", "start", "score"],
    "properties": {
        "prediction": native.VALUE,
        "probabilities": native.SHARES,
        "contributions": {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "description": "By column, in the order of the signature; what is above zero speaks for the prediction",
        },
        "start": {"type": "number", "description": "The score before any column is looked at"},
        "score": {
            "type": "number",
            "description": "`start` and all contributions: the number that is predicted, the log-odds of the predicted class against the "
            "other, or of several classes its score before the softmax",
        },
    },
}
_ORIGIN = {"model": {"type": "string"}, "version": {"type": "string"}}
_ANSWER: dict[str, Any] = {
    "anyOf": [
        {"type": "object", "required": [key, *_ORIGIN], "properties": {key: found, **_ORIGIN}}
        for key, found in (
            ("explanation", _EXPLANATION),
            ("explanations", {"type": "array", "items": _EXPLANATION}),
        )
    ]
}


@endpoints.post(
    "/v1/models/{model}/explain",
    access=Permission.PREDICT,
    protocol="explain",
    accepts={"application/json": native.REQUEST_SCHEMA},
    answers=_ANSWER,
    refuses=(Conflict, NotReady),
)
def explain(model: str, payload: bytes, query: VersionQuery, platform: Platform) -> dict[str, Any]:
    """Predict, and tell what each column contributed: the body of a prediction, with 16 rows at most.

    It counts as a prediction. 409 where the model's algorithm cannot tell.
    """
    question = native.parse(payload, max_rows=MOST_ROWS)
    served = platform.shelf.get(model, alias=query.alias, version=query.version)
    note_served(served.version)
    found = _explained(served, question)
    note_served(served.version, len(found))
    origin = {"model": served.model, "version": served.version}
    return {"explanations": found, **origin} if question.many else {"explanation": found[0], **origin}


def _explained(served: ServedModel, question: native.Question) -> list[dict[str, Any]]:
    predictions, explanations = served.explain(question.rows)
    found = [
        {"prediction": value, **_plain(each)} for value, each in zip(predictions.values, explanations, strict=True)
    ]
    for one, shares in zip(found, predictions.probabilities or (), strict=False):
        one["probabilities"] = shares
    return found


def _plain(explanation: Explanation) -> dict[str, Any]:
    return {
        "contributions": explanation.contributions,
        "start": explanation.start,
        "score": explanation.score,
    }
