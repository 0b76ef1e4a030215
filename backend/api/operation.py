"""Is the platform alive, and is it ready."""

from sqlalchemy import text

from backend.api.access import Allow
from backend.api.platform import Platform
from backend.api.routing import Answer, Endpoints
from backend.database import db
from backend.errors import NotReady

endpoints = Endpoints("Operation")


class Health(Answer):
    status: str


@endpoints.get("/health/live", access=Allow.PUBLIC, answer=Health)
def read_live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@endpoints.get("/health/ready", access=Allow.PUBLIC, answer=Health)
def read_ready(platform: Platform) -> dict[str, str]:
    """The process can serve: its database answers and the known models were loaded once. 503 otherwise."""
    try:
        db.session.execute(text("SELECT 1"))
    except Exception as error:
        raise NotReady("The database does not answer.", cause=str(error)) from error
    if not platform.shelf.is_ready:
        raise NotReady("The models are being loaded.")
    return {"status": "ready"}
