"""Is the platform alive, and is it ready."""

from flask import Response, request
from pydantic import Field
from sqlalchemy import text

from backend.api.access import Allow
from backend.api.platform import Platform
from backend.api.routing import Answer, Endpoints
from backend.database import db
from backend.errors import NotReady
from backend.identity.principal import Permission

endpoints = Endpoints("Operation")

_BEHIND = "Aliases that are not answered by the version that they name: {}."


class Health(Answer):
    status: str


class Readiness(Health):
    detail: str | None = Field(None, description="What is not as it should be, although predictions are answered")


@endpoints.get("/health/live", access=Allow.PUBLIC, answer=Health)
def read_live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@endpoints.get("/health/ready", access=Allow.PUBLIC, answer=Readiness)
def read_ready(platform: Platform) -> dict[str, str | None]:
    """The process can serve: its database answers and the known models were loaded once. 503 otherwise.

    `detail` counts aliases that are not answered by the version that they name; `GET /v1/models` says which and why.
    """
    try:
        db.session.execute(text("SELECT 1"))
    except Exception as error:
        raise NotReady("The database does not answer.", cause=str(error)) from error
    if not platform.shelf.is_ready:
        raise NotReady("The models are being loaded.")
    behind = sum(standing.problem is not None for standing in platform.shelf.standings())
    return {"status": "ready", "detail": _BEHIND.format(behind) if behind else None}


@endpoints.get("/metrics", access=Permission.READ_METRICS, answers={"type": "string"}, media_type="text/plain")
def read_metrics(platform: Platform) -> Response:
    """Metrics for Prometheus: for administrators, for programs on this machine, and for the token in `certs/metrics-token`."""
    text, media_type = platform.exposition.render(request.headers.get("Accept", ""))
    return Response(text, content_type=media_type)
