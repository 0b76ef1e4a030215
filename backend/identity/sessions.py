"""Sessions: what a sign-in starts, a refresh token moves on and a sign-out ends, at once and everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from backend.audit.chain import append
from backend.audit.events import NOBODY, Event
from backend.audit.journal import note, record
from backend.database import db, new_id, now
from backend.errors import InvalidToken, NotFound, ProofRequired
from backend.identity.passwords import verify_hash
from backend.identity.principal import Principal, Role
from backend.identity.tables import Session, User

_ENDED = "The session has ended. Sign in again."
_LATELY = timedelta(minutes=10)


@dataclass(frozen=True)
class Origin:
    """From where, and with which program, a person signs in; both are for the person to recognise their own sessions by."""

    address: str = ""
    agent: str = ""

    @property
    def shown_agent(self) -> str:
        return "".join(letter for letter in self.agent if letter.isprintable())[:256]


UNKNOWN = Origin()


def verify_password(user: User | None, password: str) -> User:
    """The person whose password was given; InvalidCredentials for unknown, disabled and wrong alike."""
    active = user is not None and user.disabled_at is None
    verify_hash(user.password_hash if user is not None and active else None, password)
    assert user is not None  # noqa: S101 - verify_hash raises for nobody
    return user


def start_session(
    user: User, lifetime: timedelta, origin: Origin = UNKNOWN, *, idle_ends_at: datetime | None = None
) -> Session:
    """A new family of tokens; what expired long ago is swept."""
    db.session.execute(delete(Session).where(Session.expires_at < now() - timedelta(days=1)))
    session = Session(
        user=user,
        user_id=user.id,
        refresh_id=new_id(),
        expires_at=now() + lifetime,
        address=origin.address[:64],
        agent=origin.shown_agent,
        idle_ends_at=idle_ends_at,
    )
    db.session.add(session)
    db.session.flush()
    record(Event.PERSON_SIGNED_IN, actor=user.username, target=f"session:{session.id}", details={"role": user.role})
    return session


def verify_session(session_id: str) -> Principal:
    """The person behind a live session, with the role of this moment; InvalidToken otherwise."""
    session = db.session.get(Session, session_id)
    if session is None or session.ended_at is not None or end_of(session) <= now():
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
        ends_at=end_of(session),
    )


def end_of(session: Session) -> datetime:
    """When the session ends by itself, if nothing more is done in it."""
    return min(session.expires_at, session.idle_ends_at or session.expires_at)


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
    if db.session.execute(statement.values(refresh_id=successor, seen_at=now())).rowcount == 1:  # type: ignore[attr-defined]
        return successor
    end_stolen(session_id)
    raise InvalidToken(_ENDED, cause="a refresh token was used twice")


def end_session(session_id: str, *, actor: str) -> None:
    """Every token of the sign-in is refused from now on."""
    db.session.execute(update(Session).where(Session.id == session_id).values(ended_at=now()))
    record(Event.SESSION_ENDED, actor=actor, target=f"session:{session_id}")


def end_sessions(user_id: str) -> None:
    """Every token of the person is refused from now on."""
    live = update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None))
    db.session.execute(live.values(ended_at=now()))


def list_sessions(user_id: str) -> Sequence[Session]:
    """The live sessions of the person, the one that was used last first."""
    wanted = select(Session).where(Session.user_id == user_id, _is_live(now()))
    return db.session.scalars(wanted.order_by(Session.seen_at.desc(), Session.created_at.desc())).all()


def end_one(user: User, session_id: str, *, actor: str) -> None:
    """End a live session of this person; NotFound for any other."""
    session = db.session.get(Session, session_id)
    if session is None or session.user_id != user.id or session.ended_at is not None or end_of(session) <= now():
        raise NotFound("There is no such session.")
    end_session(session_id, actor=actor)


def end_all(user: User, *, actor: str, but: str = "") -> int:
    """End the live sessions of the person, all or all but one; how many they were."""
    ended = [session for session in list_sessions(user.id) if session.id != but]
    for session in ended:
        end_session(session.id, actor=actor)
    return len(ended)


def _is_live(moment: datetime) -> ColumnElement[bool]:
    idle = or_(Session.idle_ends_at.is_(None), Session.idle_ends_at > moment)
    return and_(Session.ended_at.is_(None), Session.expires_at > moment, idle)


def end_stolen(session_id: str) -> None:
    """End the session whose credential was used by two.

    The end must outlive the refusal of this request, so it is written in a transaction of its own.
    """
    username = db.session.scalar(select(User.username).join(Session).where(Session.id == session_id)) or NOBODY
    db.session.rollback()
    with db.engine.begin() as connection:
        connection.execute(update(Session).where(Session.id == session_id).values(ended_at=now()))
        reused = note(Event.SESSION_REUSED, actor=username, target=f"session:{session_id}", outcome="refused")
        append(connection, [reused])
