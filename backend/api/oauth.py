"""Tokens for subscribers (RFC 6749 client credentials, RFC 8705), and what others must know to use and to verify them."""

from typing import Any
from urllib.parse import parse_qsl

from flask import Response, request

from backend.api.access import Allow
from backend.api.gate import gate
from backend.api.platform import Platform
from backend.api.routing import Answer, Endpoints
from backend.audit.events import Event
from backend.audit.journal import record
from backend.errors import (
    InvalidScope,
    Malformed,
    NotAllowed,
    SignetError,
    TooManyRequests,
    Unauthenticated,
    UnsupportedGrant,
)
from backend.identity.allowances import TOKENS
from backend.identity.bound_tokens import issue_bound_token
from backend.identity.principal import PREDICT_SCOPE, Principal
from backend.protocols.strict_json import write_json

endpoints = Endpoints("Tokens")

_FORM = "application/x-www-form-urlencoded"
_REQUEST_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["grant_type", "client_id"],
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_id": {"type": "string", "description": "The subscriber's id"},
        "scope": {"type": "string", "examples": ["predict", "predict:iris predict:rentals"]},
    },
}
# A token lives five minutes; whoever needs more of them does something wrong.
_MOST_TOKENS_A_MINUTE = 60
_MOST_PARAMETERS = 20
# Other ways to prove who a client is; a request uses one way only (RFC 6749, 2.3).
_OTHER_PROOFS = {"client_secret", "client_assertion", "client_assertion_type"}

# The first kind that fits; whatever else is the caller's fault is `invalid_request`.
_CODES: tuple[tuple[type[SignetError], int, str], ...] = (
    (UnsupportedGrant, 400, "unsupported_grant_type"),
    (InvalidScope, 400, "invalid_scope"),
    (Unauthenticated, 401, "invalid_client"),
    (NotAllowed, 400, "unauthorized_client"),
    (TooManyRequests, 429, "temporarily_unavailable"),
)


class TokenAnswer(Answer):
    access_token: str
    token_type: str
    expires_in: int
    scope: str


def oauth_error(error: Exception, problem: Response) -> Response:
    """The error as RFC 6749 (5.2) writes it."""
    faults = [(status, code) for kind, status, code in _CODES if isinstance(error, kind)]
    server_fault = (problem.status_code, "server_error")
    status, code = (faults or [server_fault if problem.status_code >= 500 else (400, "invalid_request")])[0]
    text = problem.get_json()["detail"].replace('"', "'").encode("ascii", "replace").decode()
    answer = _uncached({"error": code, "error_description": text}, status)
    for name in ("WWW-Authenticate", "Retry-After"):
        if name in problem.headers:
            answer.headers[name] = problem.headers[name]
    return answer


@endpoints.post(
    "/oauth/token",
    access=Allow.CERTIFICATE,
    accepts={_FORM: _REQUEST_SCHEMA},
    answers=TokenAnswer.model_json_schema(),
    shape=oauth_error,
    statuses=(400, 401, 429),
)
def issue_token(actor: Principal, payload: bytes) -> Response:
    """A token for a subscriber, bound to the certificate with which this call is made. Errors are those of RFC 6749."""
    form = _parse(payload)
    if "Authorization" in request.headers or _OTHER_PROOFS & set(form):
        raise Malformed("Prove who the client is by its certificate alone.")
    if _required(form, "client_id") != actor.id:
        raise Unauthenticated("client_id is not the id of the certificate's subscriber.")
    if _required(form, "grant_type") != "client_credentials":
        raise UnsupportedGrant("grant_type must be client_credentials.")
    gate().allowances.spend(actor.id, TOKENS, _MOST_TOKENS_A_MINUTE)
    issued = issue_bound_token(gate().keys, gate().settings.issuer, actor, form.get("scope"))
    record(Event.TOKEN_ISSUED, actor=actor.actor, target=actor.actor, details={"scope": issued.scope})
    answer = {
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": issued.scope,
    }
    return _uncached(answer, 200)


@endpoints.get("/.well-known/oauth-authorization-server", access=Allow.PUBLIC)
def read_oauth_metadata(platform: Platform) -> dict[str, Any]:
    """How subscribers get tokens (RFC 8414)."""
    issuer = platform.settings.issuer
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": [PREDICT_SCOPE],
        "token_endpoint_auth_methods_supported": ["tls_client_auth"],
        "tls_client_certificate_bound_access_tokens": True,
        "service_documentation": f"{issuer}/docs",
    }


@endpoints.get("/.well-known/jwks.json", access=Allow.PUBLIC)
def read_token_keys() -> Response:
    """The public keys of subscribers' tokens, the next one among them a day before it signs (RFC 7517)."""
    answer = Response(write_json({"keys": [key.public for key in gate().keys.published()]}))
    answer.content_type = "application/json"
    answer.headers["Cache-Control"] = "public, max-age=3600"
    return answer


def _parse(payload: bytes) -> dict[str, str]:
    """The parameters of the form: each once, and one without a value as if it were not there (RFC 6749, 3.2)."""
    try:
        pairs = parse_qsl(
            payload.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError as error:
        raise Malformed("The form cannot be read.", cause=str(error)) from error
    if len({name for name, _ in pairs}) != len(pairs):
        raise Malformed("A parameter is given more than once.")
    return {name: value for name, value in pairs if value}


def _required(form: dict[str, str], name: str) -> str:
    if name not in form:
        raise Malformed(f"{name} is missing.")
    return form[name]


def _uncached(answer: dict[str, Any], status: int) -> Response:
    response = Response(write_json(answer), status=status, content_type="application/json")
    response.headers["Cache-Control"], response.headers["Pragma"] = "no-store", "no-cache"
    return response
