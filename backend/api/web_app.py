"""Whether a request comes from the platform's own web app, which shows it by its certificate."""

from flask import request

from backend.api.client_certificate import is_proxied, presented_certificate
from backend.errors import SignetError, Unauthenticated
from backend.identity.chains import verify_chain
from backend.identity.principal import Principal
from backend.identity.web_app_certificate import verify_web_app
from backend.settings import Settings


def verify_caller(settings: Settings) -> Principal:
    """The web app; Unauthenticated, or InvalidCertificate, for everybody else."""
    der = presented_certificate()
    if der is None:
        raise Unauthenticated("This address is for the platform's own web app: present its certificate.")
    web_app = verify_web_app(settings, der)
    if is_proxied():
        verify_chain(settings, der)
    return web_app


def stated_by_web_app(settings: Settings, header: str) -> str:
    """What the web app says in a header of its own; empty where it says nothing, or where somebody else does."""
    stated = request.headers.get(header, "")
    if not stated:
        return ""
    try:
        verify_caller(settings)
    except SignetError:
        return ""
    return stated
