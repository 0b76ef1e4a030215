"""Every endpoint of the API, noun by noun."""

from backend.api import (
    audit,
    certificates,
    datasets,
    enrolment,
    est,
    explain,
    jobs,
    mlflow_scoring,
    models,
    monitoring,
    my_sessions,
    oauth,
    open_inference,
    openapi,
    operation,
    pki,
    predict,
    runs,
    second_factor,
    sign_in,
    subscribers,
    users,
    web_sessions,
)
from backend.api.routing import Endpoint

NOUNS = (
    sign_in, second_factor, my_sessions, web_sessions, users, subscribers, enrolment, certificates, est, pki, oauth, datasets, jobs,
    runs, models, predict, explain, open_inference, mlflow_scoring, monitoring, audit,
    operation, openapi,
)  # fmt: skip

ENDPOINTS: list[Endpoint] = [endpoint for noun in NOUNS for endpoint in noun.endpoints.listed]
