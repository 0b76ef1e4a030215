"""Every endpoint of the API, noun by noun."""

from backend.api import (
    certificates,
    datasets,
    enrolment,
    est,
    jobs,
    models,
    openapi,
    operation,
    pki,
    predict,
    sign_in,
    subscribers,
    users,
)
from backend.api.routing import Endpoint

NOUNS = (
    sign_in, users, subscribers, enrolment, certificates, est, pki, datasets, jobs, models, predict, operation, openapi,
)  # fmt: skip

ENDPOINTS: list[Endpoint] = [endpoint for noun in NOUNS for endpoint in noun.endpoints.listed]
