"""Ids of answers, bound to whoever waits for them."""

from functools import partial

from flask import request

from backend.api.platform import current_platform
from backend.api.refusals import caller_of
from backend.errors import Unauthenticated
from backend.serving.prediction_ids import Namer, PredictionIds

# Where the answer's own shape has no room for its id.
HEADER = "X-Prediction-Id"


def names_for(ids: PredictionIds, subject: str) -> Namer:
    """Names answers to this caller (`Principal.subject`)."""
    return partial(ids.make, subject)


def caller_names() -> Namer:
    """Names answers to the caller of the request under way."""
    caller = caller_of(request.environ)
    if caller is None:
        raise Unauthenticated("Sign in first: a prediction belongs to whoever asks for it.")
    return names_for(current_platform().prediction_ids, caller.subject)
