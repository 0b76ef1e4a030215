"""Where a person is signed in: seen and ended by the person, and by administrators."""

from datetime import datetime

from pydantic import Field

from backend.api.access import Allow
from backend.api.routing import Answer, Endpoints
from backend.identity import sessions
from backend.identity.browsers import browser_of
from backend.identity.principal import Permission, Principal
from backend.identity.tables import Session
from backend.identity.users import get_user

endpoints = Endpoints("People")


class SessionAnswer(Answer):
    id: str
    browser: str = Field(description='Such as "Firefox on Linux"; the name of the program where it is no browser')
    address: str = Field(description="From where the person signed in; empty where it is not known")
    created_at: datetime
    seen_at: datetime | None = Field(description="When it was last used, give or take the life of an access token")
    ends_at: datetime = Field(description="When it ends by itself, if nothing more is done in it")
    is_web: bool = Field(description="Whether it is one of the web app")
    is_current: bool = Field(description="Whether this very request belongs to it")


class SessionList(Answer):
    items: list[SessionAnswer]


@endpoints.get("/v1/me/sessions", access=Allow.SIGNED_IN, answer=SessionList)
def list_my_sessions(actor: Principal) -> dict[str, object]:
    """Where I am signed in, the session that was used last first."""
    return _listed(actor.id, actor)


@endpoints.delete("/v1/me/sessions", access=Allow.SIGNED_IN)
def end_my_other_sessions(actor: Principal) -> None:
    """Sign me out everywhere but here."""
    sessions.end_all(get_user(actor.id), actor=actor.actor, but=actor.session_id)


@endpoints.delete("/v1/me/sessions/{session_id}", access=Allow.SIGNED_IN)
def end_my_session(session_id: str, actor: Principal) -> None:
    """End one of my sessions. 404 for one that is not mine, or is over."""
    sessions.end_one(get_user(actor.id), session_id, actor=actor.actor)


@endpoints.get("/v1/users/{user_id}/sessions", access=Permission.MANAGE_USERS, answer=SessionList)
def list_user_sessions(user_id: str, actor: Principal) -> dict[str, object]:
    """Where a person is signed in."""
    return _listed(get_user(user_id).id, actor)


@endpoints.delete("/v1/users/{user_id}/sessions", access=Permission.MANAGE_USERS)
def end_user_sessions(user_id: str, actor: Principal) -> None:
    """Sign a person out everywhere, at once."""
    sessions.end_all(get_user(user_id), actor=actor.actor)


def _listed(user_id: str, actor: Principal) -> dict[str, object]:
    return {"items": [_facts(session, actor) for session in sessions.list_sessions(user_id)]}


def _facts(session: Session, actor: Principal) -> dict[str, object]:
    facts = {name: getattr(session, name) for name in ("id", "address", "created_at", "seen_at")}
    return facts | {
        "browser": browser_of(session.agent),
        "ends_at": sessions.end_of(session),
        "is_web": session.idle_ends_at is not None,
        "is_current": session.id == actor.session_id,
    }
