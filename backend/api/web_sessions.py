"""Sessions of people in the platform's own web app, which alone may call here, by its certificate.

The web app never holds more than it needs: a browser's cookie carries the handle, and each visit turns it into a short access token.
"""

from pydantic import Field

from backend.api.access import Allow
from backend.api.caller import caller_address
from backend.api.person_tokens import issue_access_token
from backend.api.platform import Platform
from backend.api.routing import Answer, Body, Endpoints
from backend.api.sign_in import Credentials, Me, facts_of
from backend.database import now
from backend.errors import NotFound, TooManyRequests
from backend.identity import web_sessions
from backend.identity.backoff import network_of
from backend.identity.sessions import Origin, verify_session
from backend.identity.signing_in import Claim

endpoints = Endpoints("Web sessions")


class WebSignIn(Credentials):
    agent: str = Field("", max_length=1024, description="The browser's `User-Agent`")


class Code(Body):
    code: str = Field(max_length=128, repr=False)
    agent: str = Field("", max_length=1024)


class Handle(Body):
    handle: str = Field(max_length=128, repr=False)


class Visit(Handle):
    agent: str = Field("", max_length=1024)
    active: bool = Field(default=False, description="Whether the person did something, which puts off the idle end")


class CodeAnswer(Answer):
    code: str = Field(description="Good once and for 30 seconds, in exchange for the handle")


class HandleAnswer(Answer):
    handle: str = Field(description="What the cookie of the browser holds; told this once")
    max_age: int = Field(description="Seconds until the session ends, however much it is used")


class Resumed(Answer):
    session_id: str
    access_token: str = Field(description="Bearer token for the calls of this person; never leaves the web app")
    expires_in: int = Field(description="Seconds until the access token ends")
    person: Me


@endpoints.post("/v1/web-sessions", access=Allow.WEB_APP, answer=CodeAnswer, status=201, refuses=(TooManyRequests,))
def create_web_session(body: WebSignIn, platform: Platform) -> dict[str, object]:
    """Sign a person in, as `POST /login` does. What comes back is a code, which the browser exchanges for its cookie."""
    address = caller_address()
    claim = Claim(body.username, body.password, body.otp, place=network_of(address))
    return {"code": web_sessions.begin(platform.settings, claim, Origin(address, body.agent))}


@endpoints.post("/v1/web-sessions/exchange", access=Allow.WEB_APP, answer=HandleAnswer)
def exchange_web_code(body: Code, platform: Platform) -> dict[str, object]:
    """The handle for a code. 401 where it is unknown, was used, is too old, or another kind of browser brings it."""
    begun = web_sessions.exchange(platform.settings, body.code, body.agent)
    return {"handle": begun.handle, "max_age": int((begun.session.expires_at - now()).total_seconds())}


@endpoints.post("/v1/web-sessions/resume", access=Allow.WEB_APP, answer=Resumed, refuses=(NotFound,))
def resume_web_session(body: Visit, platform: Platform) -> dict[str, object]:
    """The person behind a handle, and a fresh access token. 404 where the session is over, for whatever reason."""
    session = web_sessions.resume(platform.settings, body.handle, body.agent, active=body.active)
    token = issue_access_token(session)
    life = platform.settings.access_token_minutes * 60
    person = facts_of(verify_session(session.id))
    return {"session_id": session.id, "access_token": token, "expires_in": life, "person": person}


@endpoints.delete("/v1/web-sessions/current", access=Allow.WEB_APP)
def end_web_session(body: Handle) -> None:
    """End the session of a handle: every token of it is refused at once. Nothing happens where there is none."""
    web_sessions.end(body.handle)
