"""Tokens of subscribers, each bound to one certificate (RFC 8705) and written as RFC 9068 says.

A token narrows what its certificate may do and never stands for it: without that certificate it is worth nothing.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from backend.database import new_id, now
from backend.errors import InvalidScope, InvalidToken
from backend.identity.principal import PREDICT_SCOPE, Principal
from backend.identity.signing_keys import TOKEN_LIFETIME, SigningKeys

TYPE = "at+jwt"
AUDIENCE = "signet-subscribers"  # another one than people's tokens have, and another key

_ALGORITHMS = ["ES256"]
_LEEWAY_SECONDS = 5
# What the library says of a token that is not good, and what a claim of another kind than ours leads to.
_FAULTS = (JoseError, ValueError, TypeError, LookupError, AttributeError, OverflowError)


@dataclass(frozen=True)
class IssuedToken:
    """A new token, how long it lives, and what it covers."""

    token: str
    expires_in: int
    scope: str


@dataclass(frozen=True)
class BoundToken:
    """What a token of ours says: whose it is, what it covers, until when, and with which certificate (SHA-256, hex)."""

    subscriber_id: str
    scopes: frozenset[str]
    certificate: str
    ends_at: datetime

    def is_bound_to(self, subscriber: Principal) -> bool:
        """Whether it was issued to this subscriber over the certificate that it presented now."""
        return (self.subscriber_id, self.certificate) == (subscriber.id, subscriber.certificate)


def issue_bound_token(keys: SigningKeys, issuer: str, subscriber: Principal, asked: str | None) -> IssuedToken:
    """A token for the scope that was asked for (predictions with all its models where none was).

    It never outlives the certificate. InvalidScope where the subscriber may not do what was asked for.
    """
    scope, moment, key = _granted(subscriber, asked), now(), keys.current()
    ends_at = min(moment + TOKEN_LIFETIME, subscriber.ends_at or datetime.max.replace(tzinfo=UTC))
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": subscriber.id,
        "client_id": subscriber.id,
        "iat": int(moment.timestamp()),
        "exp": int(ends_at.timestamp()),
        "jti": new_id(),
        "scope": scope,
        "cnf": {"x5t#S256": _thumbprint(subscriber.certificate)},
    }
    header = {"alg": "ES256", "typ": TYPE, "kid": key.kid}
    token = jwt.encode(header, claims, key.key, algorithms=_ALGORITHMS)
    return IssuedToken(token, claims["exp"] - claims["iat"], scope)


def verify_bound_token(keys: SigningKeys, issuer: str, token: str) -> BoundToken:
    """What a token of ours says; InvalidToken for every fault alike. Who presents it is not asked here."""
    try:
        read = jwt.decode(token, lambda signed: _key_of(keys, signed.headers()), algorithms=_ALGORITHMS)
        _rules(issuer).validate(read.claims)
        return _understood(read)
    except _FAULTS as error:
        raise InvalidToken("The token is expired or not valid.", cause=repr(error)) from error


def _granted(subscriber: Principal, asked: str | None) -> str:
    scopes = list(dict.fromkeys((asked or PREDICT_SCOPE).split(" ")))
    for scope in scopes:
        kind, _, model = scope.partition(":")
        known = kind == PREDICT_SCOPE and (":" in scope) == bool(model)
        if not known:
            raise InvalidScope(f"A scope is '{PREDICT_SCOPE}' or '{PREDICT_SCOPE}:<model>'.")
        if not (subscriber.is_admitted_to(model) if model else subscriber.models):
            raise InvalidScope("This subscriber is not allowed to use that model.")
    return " ".join(scopes)


def _key_of(keys: SigningKeys, header: dict[str, Any]) -> Any:
    found = keys.find(str(header.get("kid")))
    if found is None:
        raise InvalidToken("The token is expired or not valid.", cause="signed with no key of ours")
    return found.key


def _rules(issuer: str) -> jwt.JWTClaimsRegistry:
    required: jwt.ClaimsOption = {"essential": True}
    return jwt.JWTClaimsRegistry(
        now=lambda: int(now().timestamp()),
        leeway=_LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": AUDIENCE},
        **dict.fromkeys(("sub", "client_id", "iat", "exp", "jti", "scope", "cnf"), required),
    )


def _understood(token: jwt.Token) -> BoundToken:
    claims = token.claims
    if token.header["typ"] != TYPE or claims["client_id"] != claims["sub"]:
        raise ValueError("not an access token of a subscriber")
    certificate = base64.urlsafe_b64decode(f"{claims['cnf']['x5t#S256']}=").hex()
    ends_at = datetime.fromtimestamp(claims["exp"], UTC)
    return BoundToken(claims["sub"], frozenset(claims["scope"].split(" ")), certificate, ends_at)


def _thumbprint(certificate: str) -> str:
    """The SHA-256 of a certificate as RFC 8705 writes it: base64url without padding."""
    return base64.urlsafe_b64encode(bytes.fromhex(certificate)).rstrip(b"=").decode()
