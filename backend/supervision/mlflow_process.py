"""MLflow's server put together with the platform's people; only the MLflow process imports this."""

import base64
import binascii

from starlette.applications import Starlette

from backend.api.access import verify_access_token
from backend.app import create_app
from backend.errors import Unauthenticated
from backend.identity.sessions import verify_password
from backend.identity.users import find_user
from backend.registry import mlflow_app
from backend.registry.mlflow_sign_in import Person, Visitor
from backend.settings import load_settings


def create() -> Starlette:
    """MLflow's app, whose visitors show an access token of the platform (Bearer) or their password (Basic)."""
    settings = load_settings()
    people = create_app(settings)

    def authenticate(header: str) -> Person:
        with people.app_context():
            return identify(header)

    return mlflow_app.create_app(settings, authenticate)


def identify(header: str) -> Visitor:
    """The person behind an `Authorization` header; Unauthenticated where the credential is not good."""
    scheme, _, credential = header.partition(" ")
    match scheme.lower():
        case "bearer":
            principal = verify_access_token(credential.strip())
            return Visitor(principal.username, principal.role)
        case "basic":
            username, password = _decode(credential)
            user = verify_password(find_user(username), password)
            return Visitor(user.username, user.role)
        case _:
            raise Unauthenticated("Sign in with a username and password of the platform.")


def _decode(credential: str) -> tuple[str, str]:
    """Username and password of RFC 7617."""
    try:
        username, _, password = base64.b64decode(credential.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("The sign-in cannot be read.") from error
    return username, password
