"""Which refusals of the edge the journal is told of: who presented a credential and was not let through."""

from http import HTTPStatus
from wsgiref.types import WSGIEnvironment

from flask import request

from backend.audit import journal
from backend.audit.events import NOBODY, Event
from backend.errors import NotAllowed, OtpRequired, SignetError, TooManyRequests, Unauthenticated
from backend.identity.principal import Principal
from backend.listener.wsgi import CLIENT_CERTIFICATE

_CALLER = "signet.caller"
# The first of two steps of a sign-in, and no refusal.
_STEPS = (OtpRequired,)


def note_caller(caller: Principal) -> None:
    """Whoever is refused from now on in this request is this one."""
    request.environ[_CALLER] = caller


def caller_of(environ: WSGIEnvironment) -> Principal | None:
    """Whom `note_caller` named; None where nobody was let in."""
    caller: Principal | None = environ.get(_CALLER)
    return caller


def tell(error: SignetError, status: HTTPStatus, code: str) -> None:
    """Record the refusal, unless a room has told it in its own words or nobody has shown a credential."""
    if journal.is_refusal_told() or not _is_refusal(error):
        return
    caller = caller_of(request.environ)
    # The rule and not the path: what a caller can vary must not make different refusals of equal ones.
    target = f"{request.method} {request.url_rule.rule if request.url_rule else ''}"
    details = {"status": int(status), "code": code}
    actor = caller.actor if caller else NOBODY
    journal.record(Event.REQUEST_REFUSED, actor=actor, target=target, outcome="refused", details=details)


def _is_refusal(error: SignetError) -> bool:
    if isinstance(error, NotAllowed | TooManyRequests):
        return True
    return isinstance(error, Unauthenticated) and not isinstance(error, _STEPS) and _has_credential()


def _has_credential() -> bool:
    presented = request.environ.get(CLIENT_CERTIFICATE) is not None
    return presented or any(name in request.headers for name in ("Authorization", "Client-Cert"))
