"""Signing in: what a person claims comes in; the person goes out, and every attempt is slowed, counted and in the journal."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from backend.audit.events import NOBODY, Event
from backend.audit.journal import record
from backend.errors import InvalidCredentials, OtpRequired
from backend.identity import backoff, second_factor
from backend.identity.passwords import needs_new_hash, rehash, verify_hash
from backend.identity.sessions import UNKNOWN, Origin, start_session, verify_password
from backend.identity.tables import Session, User
from backend.identity.users import USERNAME, find_user
from backend.settings import Settings


@dataclass(frozen=True)
class Claim:
    """Who somebody says to be, with what proves it, and the network from which they say so."""

    username: str
    password: str = field(repr=False)
    otp: str | None = field(repr=False)
    place: str

    @property
    def account(self) -> str:
        return self.username.strip().lower()


def sign_in(settings: Settings, claim: Claim, lifetime: timedelta, origin: Origin = UNKNOWN) -> Session:
    """A session for the person; see `verify_claim` for what is raised."""
    return start_session(verify_claim(settings, claim), lifetime, origin)


def verify_claim(settings: Settings, claim: Claim) -> User:
    """The person who proved to be the one of that name. Call it before anything was written in the session.

    InvalidCredentials for an unknown or disabled person, a wrong password and a wrong code; OtpRequired where the password is right
    and the code of the second factor is missing; TooManyRequests where too many attempts failed before.
    """
    attempt = backoff.begin_attempt(claim.account, claim.place)
    with _failures_told(NOBODY, claim.account, factor="password"):
        user = verify_password(find_user(claim.account), claim.password)
    try:
        with _failures_told(NOBODY, claim.account, factor="code"):
            _verify_code(settings, user, claim)
    except OtpRequired:
        # The first of two steps, and no failure.
        backoff.withdraw(attempt)
        raise
    if needs_new_hash(user.password_hash):
        user.password_hash = rehash(claim.password)
    backoff.succeed(attempt, user)
    return user


@contextmanager
def proving(user: User, session_id: str) -> Iterator[None]:
    """Within, somebody who is signed in proves again who they are; whoever found an open session cannot guess for long."""
    attempt = backoff.begin_attempt(user.username, f"session:{session_id}", is_known=True)
    with _failures_told(user.username, user.username, factor="proof"):
        yield
    backoff.forget(attempt)


def verify_proof(settings: Settings, user: User, session_id: str, password: str, otp: str | None) -> None:
    """Raise as `verify_claim` does unless it is still the person who signed in; nothing may have been written in the session."""
    with proving(user, session_id):
        verify_hash(user.password_hash, password)
    with _failures_told(user.username, user.username, factor="proof"):
        _verify_code(settings, user, Claim(user.username, password, otp, place=f"session:{session_id}"))


@contextmanager
def _failures_told(actor: str, account: str, *, factor: str) -> Iterator[None]:
    try:
        yield
    except InvalidCredentials:
        event = Event.PERSON_SIGN_IN_FAILED
        record(event, actor=actor, target=_shown(account), outcome="failed", details={"factor": factor})
        raise


def _verify_code(settings: Settings, user: User, claim: Claim) -> None:
    if not claim.otp or not second_factor.is_in_use(user):
        second_factor.verify_code(settings, user, claim.otp)
        return
    attempt = backoff.begin_code(user.id, claim.place)
    second_factor.verify_code(settings, user, claim.otp)
    backoff.forget(attempt)


def _shown(account: str) -> str:
    """The name as it was given, where it can be a name: people type their password into the wrong field."""
    return f"user:{account}" if USERNAME.fullmatch(account) else "user:(not a username)"
