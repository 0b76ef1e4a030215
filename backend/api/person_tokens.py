"""Tokens of people: ES256, with issuer, audience and an end, tied to a session that can be ended at any moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWTError

from backend.errors import InvalidToken
from backend.identity.principal import Principal
from backend.identity.sessions import verify_session
from backend.identity.tables import Session
from backend.identity.token_keys import read_public_token_key, read_token_key
from backend.settings import Settings

_ISSUER, _AUDIENCE = "signet", "signet-people"
_REQUIRED = ("exp", "iat", "nbf", "jti", "iss", "aud", "sub", "sid", "type")


@dataclass(frozen=True)
class PersonToken:
    """What an access token of a person says: for which session it stands, until when."""

    session_id: str
    ends_at: datetime


def install(app: Flask, settings: Settings) -> None:
    """The one key, issuer and audience that people's tokens have."""
    private, public = read_token_key(settings)
    _configure(app)
    app.config.update(
        JWT_PRIVATE_KEY=private,
        JWT_PUBLIC_KEY=public,
        JWT_ENCODE_ISSUER=_ISSUER,
        JWT_ENCODE_AUDIENCE=_AUDIENCE,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=settings.access_token_minutes),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=settings.refresh_token_days),
    )
    JWTManager(app)


def install_verifying(app: Flask, settings: Settings) -> None:
    """The same for a program that only verifies, which needs no secret; the public key is read anew for each token.

    So a key that is replaced ends its tokens there too, without a restart. UnsafeSettings where there is none.
    """
    read_public_token_key(settings)
    _configure(app)
    JWTManager(app).decode_key_loader(lambda _header, _claims: read_public_token_key(settings))


def _configure(app: Flask) -> None:
    app.config.update(
        JWT_ALGORITHM="ES256",
        JWT_DECODE_ALGORITHMS=["ES256"],
        JWT_DECODE_ISSUER=_ISSUER,
        JWT_DECODE_AUDIENCE=_AUDIENCE,
        JWT_DECODE_LEEWAY=5,
    )


def issue_tokens(session: Session, settings: Settings) -> dict[str, Any]:
    """An access token and the session's next refresh token, as RFC 6749 names their fields."""
    claims = {"sid": session.id}
    return {
        "access_token": issue_access_token(session),
        "refresh_token": create_refresh_token(session.user_id, additional_claims=claims | {"rid": session.refresh_id}),
        "token_type": "Bearer",
        "expires_in": settings.access_token_minutes * 60,
    }


def issue_access_token(session: Session) -> str:
    """An access token of the session."""
    token: str = create_access_token(session.user_id, additional_claims={"sid": session.id})
    return token


def verify_access_token(token: str) -> Principal:
    """The person of a live access token; InvalidToken for every fault alike."""
    return verify_session(read_access_token(token).session_id)


def read_access_token(token: str) -> PersonToken:
    """What an access token of ours says; whether its session lives is not asked."""
    claims = verify_token(token, kind="access")
    return PersonToken(claims["sid"], datetime.fromtimestamp(claims["exp"], UTC))


def verify_token(token: str, *, kind: str) -> Mapping[str, Any]:
    """The claims of a token of ours of that kind (`access`, `refresh`)."""
    try:
        decode_token(token)
        # The library fills in what a token lacks; what it really says is read again, its signature verified above.
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (PyJWTError, JWTExtendedException, ValueError, KeyError, TypeError) as error:
        raise InvalidToken("The token is expired or not valid.", cause=str(error)) from error
    missing = [name for name in _REQUIRED if not claims.get(name)]
    if missing or claims["type"] != kind:
        raise InvalidToken("The token is expired or not valid.", cause=f"missing {missing} or not an {kind} token")
    return claims
