"""The platform's own credential to MLflow: one random token in a private file."""

import os
import secrets
from pathlib import Path

from backend.errors import NotReady
from backend.settings import Settings


def token_file(settings: Settings) -> Path:
    return settings.certs / "mlflow-token"


def ensure_service_token(settings: Settings) -> str:
    """The token, made on first use; of several processes that begin at once, one makes it."""
    path = token_file(settings)
    if path.exists():  # also where somebody else may write there and we may not
        return read_service_token(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_text(secrets.token_urlsafe(32), "ascii")
    try:
        # A link appears whole and only if nobody else's is there yet.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return read_service_token(settings)


def read_service_token(settings: Settings) -> str:
    """The token; NotReady before MLflow was prepared."""
    try:
        return token_file(settings).read_text("ascii").strip()
    except OSError as error:
        raise NotReady("MLflow is not set up yet.", cause=repr(error)) from error
