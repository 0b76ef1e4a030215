"""The statuses that an endpoint may refuse with, from whom it lets in and what it reads; told in the API's document."""

from http import HTTPStatus

from backend.api.access import Allow
from backend.api.problem import STATUS
from backend.api.routing import Endpoint
from backend.identity.principal import SUBSCRIBER_PERMISSIONS

_READING = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


def refusing_statuses(endpoint: Endpoint) -> list[HTTPStatus]:
    """Every status of 4xx that the endpoint may answer with, in order."""
    if endpoint.statuses:
        return [HTTPStatus(status) for status in endpoint.statuses]
    found = {HTTPStatus.BAD_REQUEST, *(STATUS[kind] for kind in endpoint.refuses)}
    reads_body = "body" in endpoint.hints or bool(endpoint.accepts)
    if endpoint.access is not Allow.PUBLIC:
        found |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    # People have no allowance that could be used up.
    if endpoint.access is Allow.CERTIFICATE or endpoint.access in SUBSCRIBER_PERMISSIONS:
        found.add(HTTPStatus.TOO_MANY_REQUESTS)
    if "{" in endpoint.path or endpoint.predicts:
        found.add(HTTPStatus.NOT_FOUND)
    if reads_body:
        found.update(_READING)
    # Where the errors are those of a prediction standard, values that do not fit are plain 400.
    if endpoint.shape is None and (reads_body or "query" in endpoint.hints):
        found.add(HTTPStatus.UNPROCESSABLE_ENTITY)
    return sorted(found)
