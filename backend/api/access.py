"""The one place where a credential becomes a principal: a person's token, a certificate, or a token bound to one."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from flask import Flask, request

from backend.api import gate as gates
from backend.api import person_tokens
from backend.api.client_certificate import is_proxied, presented_certificate, refuse_claims
from backend.api.gate import gate
from backend.api.person_tokens import PersonToken
from backend.api.refusals import note_caller
from backend.audit.events import Event
from backend.audit.journal import record
from backend.database import db
from backend.errors import InvalidToken, NotAllowed, Unauthenticated
from backend.identity.bound_tokens import TYPE, BoundToken, verify_bound_token
from backend.identity.certificates import fingerprint_of, verify_certificate
from backend.identity.chains import verify_chain
from backend.identity.principal import SUBSCRIBER_PERMISSIONS, Permission, Principal
from backend.identity.sessions import verify_session
from backend.settings import Settings

# A token's own header is shorter; a longer one is not worth reading.
_LONGEST_HEADER = 700


class Allow(Enum):
    """Who may call an endpoint that asks for no permission."""

    PUBLIC = "anybody"
    SIGNED_IN = "anybody who is signed in"
    CERTIFICATE = "a subscriber, by its certificate"


Access = Allow | Permission


def install(app: Flask, settings: Settings) -> None:
    """Callers of this app are judged here."""
    person_tokens.install(app, settings)
    gates.install(app, settings)
    app.before_request(refuse_claims)


def authenticate(access: Access) -> Principal | None:
    """The caller of this request, allowed to call; None where anybody may."""
    if access is Allow.PUBLIC:
        return None
    principal = _certified() if access is Allow.CERTIFICATE else _identified(access)
    note_caller(principal)
    if isinstance(access, Permission):
        principal.verify_may(access)
    elif access is Allow.SIGNED_IN and principal.kind != "person":
        raise NotAllowed("This address is for people, not for subscribers.")
    return principal


def bearer_token() -> str:
    """The token of the `Authorization` header; Unauthenticated where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Sign in first: this address needs an access token.")
    return token.strip()


def _identified(access: Access) -> Principal:
    """By the token where there is one, otherwise by the certificate: a token that is not good is never made up for."""
    if "Authorization" not in request.headers and presented_certificate() is not None:
        return _certified()
    text = bearer_token()
    token = gate().tokens.recall(hashlib.sha256(text.encode()).hexdigest(), lambda: _read(text))
    if isinstance(token, PersonToken):
        return _remembered(f"session {token.session_id}", lambda: verify_session(token.session_id))
    if access not in SUBSCRIBER_PERMISSIONS:
        raise InvalidToken(
            "The token is expired or not valid.", cause="a subscriber's token where people's are asked for"
        )
    return _bearing(token)


def _certified() -> Principal:
    """The subscriber by the certificate that it presented, as its row says now."""
    der = presented_certificate()
    if der is None:
        raise Unauthenticated("Present the certificate of a subscriber.")
    return _remembered(f"certificate {fingerprint_of(der)}", lambda: _verify(der))


def _verify(der: bytes) -> Principal:
    if is_proxied():
        verify_chain(gate().settings, der)
    return verify_certificate(der)


def _bearing(token: BoundToken) -> Principal:
    """The subscriber by its certificate, narrowed by the token that is bound to it (RFC 8705)."""
    if presented_certificate() is None:
        raise InvalidToken("This token is bound to a certificate: present that too.")
    subscriber = _certified()
    if not token.is_bound_to(subscriber):
        target = f"subscriber:{token.subscriber_id}"
        record(Event.REQUEST_REFUSED, actor=subscriber.actor, target=target, outcome="refused")
        raise InvalidToken("This token is bound to another certificate.")
    return replace(subscriber, scopes=token.scopes)


def _remembered(credential: str, verify: Callable[[], Principal]) -> Principal:
    def verify_and_let_go() -> Principal:
        try:
            return verify()
        finally:
            # A request must not hold a connection while it predicts.
            db.session.rollback()

    return gate().callers.recall(credential, verify_and_let_go)


def _read(token: str) -> PersonToken | BoundToken:
    """What a token of ours says, each kind verified with its own key alone."""
    if _type_of(token) == TYPE:
        return verify_bound_token(gate().keys, gate().settings.issuer, token)
    return person_tokens.read_access_token(token)


def _type_of(token: str) -> object:
    """What the token calls itself: only which key to verify it with hangs on that."""
    head = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(f"{head[:_LONGEST_HEADER]}=="))
    except ValueError:
        return None
    return header.get("typ") if isinstance(header, dict) else None
