"""Who knocks at MLflow: an `Authorization` header comes in, one of the platform's people goes out."""

import base64
import binascii

from backend.api.access import verify_access_token
from backend.errors import Unauthenticated
from backend.identity.sessions import verify_password
from backend.identity.users import find_user
from backend.registry.mlflow_sign_in import Visitor


def identify(header: str) -> Visitor:
    """The person behind an `Authorization` header; Unauthenticated where the credential is not good."""
    scheme, _, credential = header.partition(" ")
    match scheme.lower():
        case "bearer":
            principal = verify_access_token(credential.strip())
            return Visitor(principal.name, str(principal.role))
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
