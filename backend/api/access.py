"""The one place where a credential becomes a principal: a person's token, a certificate, or a token bound to one."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Protocol

from flask import Flask, request

from backend.api import collectors, person_tokens
from backend.api import gate as gates
from backend.api.client_certificate import is_proxied, presented_certificate, refuse_claims
from backend.api.gate import gate
from backend.api.person_tokens import PersonToken
from backend.api.refusals import note_caller
from backend.api.web_app import verify_caller
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
    WEB_APP = "the platform's own web app, by its certificate"


Access = Allow | Permission
Token = PersonToken | BoundToken


def install(app: Flask, settings: Settings) -> None:
    """Callers of this app are judged here."""
    person_tokens.install(app, settings)
    gates.install(app, settings)
    collectors.install(app, settings)
    app.before_request(refuse_claims)


def authenticate(access: Access) -> Principal | None:
    """The caller of this request, allowed to call; None where anybody may."""
    if access is Allow.PUBLIC or (access is Permission.READ_METRICS and collectors.is_collector()):
        return None
    principal = verify_caller(gate().settings) if access is Allow.WEB_APP else _person_or_subscriber(access)
    note_caller(principal)
    verify_access(principal, access)
    return principal


def _person_or_subscriber(access: Access) -> Principal:
    try:
        return identify(access, _Presented(), _Verifying())
    except Misbound as error:
        record(Event.REQUEST_REFUSED, actor=error.actor, target=error.target, outcome="refused")
        raise InvalidToken("This token is bound to another certificate.") from error


def bearer_token() -> str:
    """The token of the `Authorization` header; Unauthenticated where there is none."""
    return _bearer(request.headers.get("Authorization"))


class Shown(Protocol):
    """What a request brings to show who calls."""

    @property
    def authorization(self) -> str | None:
        """The value of the header `Authorization`."""

    def certificate(self) -> bytes | None:
        """The client's certificate (DER), whose key was proved in a TLS handshake."""


class Memory(Protocol):
    """What credentials proved a moment ago; how the rest is found out is its own affair."""

    def person(self, session_id: str, verify: Callable[[], Principal]) -> Principal: ...
    def subscriber(self, fingerprint: str, verify: Callable[[], Principal]) -> Principal: ...
    def token(self, text: str, read: Callable[[str], Token]) -> Token: ...


class Misbound(Exception):
    """A token was presented with another certificate than its own: who did, and whose token it is."""

    def __init__(self, presenter: Principal, token: BoundToken) -> None:
        super().__init__()
        self.actor, self.target = presenter.actor, f"subscriber:{token.subscriber_id}"


def identify(access: Access, shown: Shown, memory: Memory) -> Principal:
    """Who shows this: by the token where there is one, otherwise by the certificate.

    A token that is not good is never made up for. Raises Unauthenticated or Misbound where nobody is known by it.
    """
    if access is Allow.CERTIFICATE or (shown.authorization is None and shown.certificate() is not None):
        return _certified(shown, memory)
    token = memory.token(_bearer(shown.authorization), _read)
    if isinstance(token, PersonToken):
        return memory.person(token.session_id, lambda: verify_session(token.session_id))
    if access not in SUBSCRIBER_PERMISSIONS:
        raise InvalidToken(
            "The token is expired or not valid.", cause="a subscriber's token where people's are asked for"
        )
    return _bearing(token, shown, memory)


def verify_access(caller: Principal, access: Access) -> None:
    """NotAllowed unless the caller may call what is open to `access`."""
    if isinstance(access, Permission):
        caller.verify_may(access)
    elif access is Allow.SIGNED_IN and caller.kind != "person":
        raise NotAllowed("This address is for people, not for subscribers.")


class _Presented:
    """What the request under way in Flask brings."""

    @property
    def authorization(self) -> str | None:
        return request.headers.get("Authorization")

    def certificate(self) -> bytes | None:
        return presented_certificate()


class _Verifying:
    """What is not remembered is verified at once."""

    def person(self, session_id: str, verify: Callable[[], Principal]) -> Principal:
        return gate().people.recall(session_id, lambda: _letting_go(verify))

    def subscriber(self, fingerprint: str, verify: Callable[[], Principal]) -> Principal:
        return gate().subscribers.recall(fingerprint, lambda: _letting_go(verify))

    def token(self, text: str, read: Callable[[str], Token]) -> Token:
        return gate().tokens.recall(digest_of(text), lambda: read(text))


def _letting_go(verify: Callable[[], Principal]) -> Principal:
    """Whom the database proves; a request must not hold a connection while it predicts."""
    try:
        return verify()
    finally:
        db.session.rollback()


def digest_of(token: str) -> str:
    """By what a token is remembered: not by itself."""
    return hashlib.sha256(token.encode()).hexdigest()


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Sign in first: this address needs an access token.")
    return token.strip()


def _certified(shown: Shown, memory: Memory) -> Principal:
    """The subscriber by the certificate that it presented, as its row says now."""
    der = shown.certificate()
    if der is None:
        raise Unauthenticated("Present the certificate of a subscriber.")
    return memory.subscriber(fingerprint_of(der), lambda: _verify(der))


def _verify(der: bytes) -> Principal:
    if is_proxied():
        verify_chain(gate().settings, der)
    return verify_certificate(der)


def _bearing(token: BoundToken, shown: Shown, memory: Memory) -> Principal:
    """The subscriber by its certificate, narrowed by the token that is bound to it (RFC 8705)."""
    if shown.certificate() is None:
        raise InvalidToken("This token is bound to a certificate: present that too.")
    subscriber = _certified(shown, memory)
    if not token.is_bound_to(subscriber):
        raise Misbound(subscriber, token)
    return replace(subscriber, scopes=token.scopes)


def _read(token: str) -> Token:
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
