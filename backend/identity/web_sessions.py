"""Sessions of the web app: a sign-in becomes a code, the code a handle in the browser's cookie, the handle the person again and again.

The handle is a random word that says nothing. What it opens is decided here at every use, so that it can be ended at any moment, from
anywhere, and outlives a restart of the web app, which keeps nothing.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import update

from backend.database import db, now
from backend.errors import InvalidCredentials, NotFound
from backend.identity.browsers import browser_of
from backend.identity.one_time import hash_of, new_word
from backend.identity.sessions import Origin, end_of, end_session, end_stolen, start_session
from backend.identity.signing_in import Claim, verify_claim
from backend.identity.tables import Session, WebHandle
from backend.settings import Settings

CODE_LIFE = timedelta(seconds=30)
# A use within this time of the last one that was written down is not written again.
_NOTED_EVERY = timedelta(seconds=30)
_GONE = "There is no such session: it has ended. Sign in again."


@dataclass(frozen=True)
class Begun:
    """A handle, told once, and the session to which it leads."""

    handle: str = field(repr=False)
    session: Session


def begin(settings: Settings, claim: Claim, origin: Origin) -> str:
    """A code, good once and for 30 seconds, for the person who proved who they are; see `verify_claim` for what is raised.

    The page that shows the sign-in sees the code; the handle itself goes into a cookie that no script can read.
    """
    user = verify_claim(settings, claim)
    code, code_ends_at = new_word(), now() + CODE_LIFE
    lifetime = timedelta(hours=settings.web_session_hours)
    session = start_session(user, lifetime, origin, idle_ends_at=code_ends_at)
    db.session.add(WebHandle(session_id=session.id, word_hash=hash_of(code), code_ends_at=code_ends_at))
    db.session.flush()
    return code


def exchange(settings: Settings, code: str, agent: str) -> Begun:
    """The handle for a code; InvalidCredentials where it is unknown, used, late, or another browser's."""
    moment, handle = now(), new_word()
    waiting = update(WebHandle).where(WebHandle.word_hash == hash_of(code), WebHandle.code_ends_at > moment)
    # One statement decides, so that of two simultaneous uses exactly one wins.
    db.session.execute(waiting.values(word_hash=hash_of(handle), code_ends_at=None))
    session = _find(handle)
    if session is None or browser_of(session.agent) != browser_of(agent):
        raise InvalidCredentials("The sign-in took too long. Sign in again.")
    _note_use(settings, session)
    return Begun(handle, session)


def resume(settings: Settings, handle: str, agent: str, *, active: bool) -> Session:
    """The live session of a handle; `active` says that the person did something, which puts off the idle end.

    NotFound where it is unknown or over. A handle that another kind of browser brings was taken from its own: the session ends.
    """
    session = _find(handle)
    if session is None:
        raise NotFound(_GONE)
    if browser_of(session.agent) != browser_of(agent):
        end_stolen(session.id)
        raise NotFound(_GONE, cause="another kind of browser brought the handle of a session")
    if active and (session.seen_at is None or now() - session.seen_at > _NOTED_EVERY):
        _note_use(settings, session)
    return session


def end(handle: str) -> None:
    """End the session of a handle, everywhere and at once; nothing happens where there is none."""
    session = _find(handle)
    if session is not None:
        end_session(session.id, actor=session.user.username)


def _find(handle: str) -> Session | None:
    """The live session behind a handle (not a code), read anew."""
    wanted = db.select(WebHandle).where(WebHandle.word_hash == hash_of(handle), WebHandle.code_ends_at.is_(None))
    found = db.session.scalar(wanted.execution_options(populate_existing=True))
    if found is None:
        return None
    session = found.session
    is_live = session.ended_at is None and end_of(session) > now() and session.user.disabled_at is None
    return session if is_live else None


def _note_use(settings: Settings, session: Session) -> None:
    moment = now()
    idle_ends_at = min(moment + timedelta(minutes=settings.web_session_idle_minutes), session.expires_at)
    # Only where it lives at this moment: what was ended meanwhile stays ended.
    living = update(Session).where(Session.id == session.id, Session.ended_at.is_(None))
    db.session.execute(living.values(seen_at=moment, idle_ends_at=idle_ends_at))
    db.session.refresh(session)
