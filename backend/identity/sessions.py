"""Sessions: what a sign-in starts, a refresh token moves on and a sign-out ends, at once and everywhere."""

from datetime import timedelta

from sqlalchemy import delete, select, update

from backend.audit.chain import append
from backend.audit.events import NOBODY, Event
from backend.audit.journal import note, record
from backend.database import db, new_id, now
from backend.errors import InvalidToken, ProofRequired
from backend.identity.passwords import verify_hash
from backend.identity.principal import Principal, Role
from backend.identity.tables import Session, User

_ENDED = "The session has ended. Sign in again."
_LATELY = timedelta(minutes=10)


def verify_password(user: User | None, password: str) -> User:
    """The person whose password was given; InvalidCredentials for unknown, disabled and wrong alike."""
    active = user is not None and user.disabled_at is None
    verify_hash(user.password_hash if user is not None and active else None, password)
    assert user is not None  # noqa: S101 - verify_hash raises for nobody
    return user


def start_session(user: User, lifetime: timedelta) -> Session:
    """A new family of tokens; what expired long ago is swept."""
    db.session.execute(delete(Session).where(Session.expires_at < now() - timedelta(days=1)))
    session = Session(user=user, user_id=user.id, refresh_id=new_id(), expires_at=now() + lifetime)
    db.session.add(session)
    db.session.flush()
    record(Event.PERSON_SIGNED_IN, actor=user.username, target=f"session:{session.id}", details={"role": user.role})
    return session


def verify_session(session_id: str) -> Principal:
    """The person behind a live session, with the role of this moment; InvalidToken otherwise."""
    session = db.session.get(Session, session_id)
    if session is None or session.ended_at is not None or session.expires_at <= now():
        raise InvalidToken(_ENDED)
    if session.user.disabled_at is not None:
        raise InvalidToken(_ENDED, cause="the user is disabled")
    user = session.user
    return Principal(
        kind="person",
        id=user.id,
        name=user.username,
        role=Role(user.role),
        session_id=session.id,
        ends_at=session.expires_at,
    )


def verify_signed_in_lately(session_id: str) -> None:
    """ProofRequired where the session's sign-in is more than ten minutes ago: whoever found it open since cannot go on."""
    session = db.session.get_one(Session, session_id)
    if now() - session.created_at > _LATELY:
        raise ProofRequired(
            "You signed in more than ten minutes ago. Give your password with this call, or sign in again.",
            max_age=int(_LATELY.total_seconds()),
        )


def rotate_refresh(session_id: str, refresh_id: str) -> str:
    """The id of the next refresh token; a second use of one ends the whole session (RFC 9700, section 4.14)."""
    successor = new_id()
    statement = update(Session).where(
        Session.id == session_id,
        Session.refresh_id == refresh_id,
        Session.ended_at.is_(None),
    )
    # One statement decides, so that of two simultaneous uses exactly one wins.
    if db.session.execute(statement.values(refresh_id=successor)).rowcount == 1:  # type: ignore[attr-defined]
        return successor
    _end_family(session_id)
    raise InvalidToken(_ENDED, cause="a refresh token was used twice")


def end_session(session_id: str, *, actor: str) -> None:
    """Every token of the sign-in is refused from now on."""
    db.session.execute(update(Session).where(Session.id == session_id).values(ended_at=now()))
    record(Event.SESSION_ENDED, actor=actor, target=f"session:{session_id}")


def end_sessions(user_id: str) -> None:
    """Every token of the person is refused from now on."""
    live = update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None))
    db.session.execute(live.values(ended_at=now()))


def _end_family(session_id: str) -> None:
    """The end must outlive the refusal of this request, so it is written in a transaction of its own."""
    username = db.session.scalar(select(User.username).join(Session).where(Session.id == session_id)) or NOBODY
    db.session.rollback()
    with db.engine.begin() as connection:
        connection.execute(update(Session).where(Session.id == session_id).values(ended_at=now()))
        reused = note(Event.SESSION_REUSED, actor=username, target=f"session:{session_id}", outcome="refused")
        append(connection, [reused])
