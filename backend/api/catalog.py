"""Every endpoint of the API, noun by noun."""

from backend.api import (
    datasets,
    jobs,
    mlflow_scoring,
    models,
    open_inference,
    openapi,
    operation,
    predict,
    sign_in,
    users,
)
from backend.api.routing import Endpoint

NOUNS = (sign_in, users, datasets, jobs, models, predict, open_inference, mlflow_scoring, operation, openapi)

ENDPOINTS: list[Endpoint] = [endpoint for noun in NOUNS for endpoint in noun.endpoints.listed]
