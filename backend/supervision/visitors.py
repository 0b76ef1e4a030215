"""Who knocks at MLflow: an `Authorization` header comes in, one of the platform's people goes out."""

import base64
import binascii
from datetime import timedelta

from backend.api.person_tokens import verify_access_token
from backend.audit.events import Event
from backend.audit.journal import record
from backend.audit.reading import Question, list_events
from backend.database import now
from backend.errors import InvalidToken, NotFound, OtpRequired, Unauthenticated
from backend.identity import web_sessions
from backend.identity.signing_in import Claim, verify_claim
from backend.identity.tables import User
from backend.registry.mlflow_sign_in import SESSION, Visitor
from backend.settings import Settings

# MLflow listens on loopback alone: every visitor comes from the same network.
_PLACE = "mlflow"
# A browser sends the password with each request: the journal is told once in so long that the person is there.
_VISIT = timedelta(minutes=30)


def identify(settings: Settings, header: str) -> Visitor:
    """The person behind an `Authorization` header, or behind a session of the web app; the caller commits.

    Basic takes the password of a person, or an access token in its place, which is the only way for those who have a second factor.
    Raises Unauthenticated where the credential is not good, TooManyRequests where too many were not.
    """
    scheme, _, credential = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return _bearing(credential.strip())
        case "basic":
            return _named(settings, *_decode(credential))
        case scheme if scheme == SESSION.lower():
            return _resumed(settings, *credential.partition(" ")[::2])
        case _:
            raise Unauthenticated("Sign in with a username and password of the platform.")


def _bearing(token: str) -> Visitor:
    principal = verify_access_token(token)
    return Visitor(principal.name, str(principal.role))


def _resumed(settings: Settings, handle: str, agent: str) -> Visitor:
    """Who is signed in to the web app with the same browser; being here counts as being there."""
    try:
        user = web_sessions.resume(settings, handle, agent, active=True).user
    except NotFound as error:
        raise Unauthenticated("The session is over. Sign in again.") from error
    return Visitor(user.username, user.role)


def _named(settings: Settings, username: str, password: str) -> Visitor:
    if password.startswith("eyJ") and password.count(".") == 2:
        visitor = _bearing(password)
        if visitor.username != username.strip().lower():
            raise InvalidToken("The token is expired or not valid.", cause="a token of another person")
        return visitor
    try:
        user = verify_claim(settings, Claim(username, password, otp=None, place=_PLACE))
    except OtpRequired as error:
        raise Unauthenticated("You have a second factor: give an access token in place of the password.") from error
    _tell(user)
    return Visitor(user.username, user.role)


def _tell(user: User) -> None:
    told = Question(
        event=Event.PERSON_SIGNED_IN, actor=user.username, target=_PLACE, outcome="done", since=now() - _VISIT
    )
    if not list_events(told, limit=1):
        record(Event.PERSON_SIGNED_IN, actor=user.username, target=_PLACE, details={"role": user.role})


def _decode(credential: str) -> tuple[str, str]:
    """Username and password of RFC 7617."""
    try:
        username, _, password = base64.b64decode(credential.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("The sign-in cannot be read.") from error
    return username, password
