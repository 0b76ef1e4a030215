"""People sign in, stay signed in, sign out, and keep their own account."""

from datetime import timedelta

from pydantic import Field

from backend.api.access import Allow, bearer_token
from backend.api.caller import caller_address, caller_agent
from backend.api.person_tokens import issue_tokens, verify_token
from backend.api.platform import Platform
from backend.api.routing import Answer, Body, Endpoints
from backend.database import db
from backend.errors import InvalidCredentials, InvalidToken, TooManyRequests
from backend.identity import sessions
from backend.identity.backoff import network_of
from backend.identity.principal import ROLES, Permission, Principal, Role
from backend.identity.second_factor import is_in_use, recovery_codes_left
from backend.identity.sessions import Origin
from backend.identity.signing_in import Claim, proving, sign_in
from backend.identity.tables import Session
from backend.identity.users import change_password, get_user

endpoints = Endpoints("People")


class Credentials(Body):
    username: str = Field(max_length=64)
    password: str = Field(max_length=1024, repr=False)
    otp: str | None = Field(
        None,
        max_length=64,
        repr=False,
        description="Code of the second factor, or a recovery code; of those who have one",
    )


class PasswordChange(Body):
    current: str = Field(max_length=1024, repr=False)
    new: str = Field(max_length=1024, repr=False)


class Tokens(Answer):
    access_token: str = Field(description="Bearer token for every call; ES256 JWT")
    refresh_token: str = Field(description="Works once, at `POST /refresh`")
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(description="Seconds until the access token ends")


class Me(Answer):
    id: str
    username: str = Field(validation_alias="name")
    role: Role
    permissions: list[Permission]
    second_factor: bool = Field(description="Whether a code is asked for at sign-in")
    recovery_codes_left: int = Field(description="How many recovery codes were not used yet")


class RoleAnswer(Answer):
    role: Role
    permissions: list[Permission]


class Roles(Answer):
    items: list[RoleAnswer]


@endpoints.post("/login", access=Allow.PUBLIC, answer=Tokens, refuses=(InvalidCredentials, TooManyRequests))
def login(body: Credentials, platform: Platform) -> dict[str, object]:
    """Sign in with a password. 401 is the same for an unknown user and a wrong password.

    401 with the code `otp-required`: the password is right, and `otp` is missing. 429: too many attempts failed.
    """
    address = caller_address()
    claim = Claim(body.username, body.password, body.otp, place=network_of(address))
    lifetime = timedelta(days=platform.settings.refresh_token_days)
    session = sign_in(platform.settings, claim, lifetime, Origin(address, caller_agent()))
    return issue_tokens(session, platform.settings)


@endpoints.post("/refresh", access=Allow.PUBLIC, answer=Tokens, refuses=(InvalidToken,))
def refresh(platform: Platform) -> dict[str, object]:
    """Exchange the refresh token (as Bearer) for new tokens. It works once; a second use ends the session."""
    claims = verify_token(bearer_token(), kind="refresh")
    sessions.verify_session(claims["sid"])
    sessions.rotate_refresh(claims["sid"], str(claims.get("rid")))
    session = db.session.get_one(Session, claims["sid"], populate_existing=True)
    return issue_tokens(session, platform.settings)


@endpoints.post("/logout", access=Allow.SIGNED_IN, status=204)
def logout(actor: Principal) -> None:
    """End the session: all its tokens are refused at once."""
    sessions.end_session(actor.session_id, actor=actor.actor)


@endpoints.get("/v1/me", access=Allow.SIGNED_IN, answer=Me)
def read_me(actor: Principal) -> dict[str, object]:
    """Who am I, and what may I do."""
    return facts_of(actor)


def facts_of(actor: Principal) -> dict[str, object]:
    """What `Me` says of a person."""
    user = get_user(actor.id)
    facts = {name: getattr(actor, name) for name in ("id", "name", "role", "permissions")}
    return facts | {"second_factor": is_in_use(user), "recovery_codes_left": recovery_codes_left(user)}


@endpoints.put("/v1/me/password", access=Allow.SIGNED_IN, status=204, refuses=(TooManyRequests,))
def change_my_password(actor: Principal, body: PasswordChange, platform: Platform) -> None:
    """Choose a new password (12 to 128 characters). Every session of the person ends, this one too."""
    user = get_user(actor.id)
    with proving(user, actor.session_id):
        change_password(platform.settings, user, body.current, body.new)


@endpoints.get("/v1/roles", access=Allow.SIGNED_IN, answer=Roles)
def list_roles() -> dict[str, object]:
    """The one table of roles and permissions."""
    return {"items": [{"role": role, "permissions": sorted(allowed)} for role, allowed in ROLES.items()]}
