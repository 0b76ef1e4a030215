"""The MLflow server as one process of ours: its files, its environment, its command line."""

import os
import secrets
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from backend.registry.mlflow_sign_in import SERVICE_NAME
from backend.registry.mlflow_token import ensure_service_token
from backend.settings import REPOSITORY, Settings, inherited

LOOPBACK = ("127.0.0.1", "localhost")
AUTHORIZATION = "backend.registry.mlflow_app:authorize"
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH")

_SECRETS = {"key_encryption_key", "database_password", "backup_passphrase"}

# What MLflow's own `server` command would hand to the server process that it starts. Set here, uvicorn runs MLflow's app in the
# one process that the supervisor knows, and nothing stays behind when that one ends.
_SAFE = {
    "_MLFLOW_SGI_NAME": "uvicorn",
    "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SERVER_X_FRAME_OPTIONS": "DENY",
    "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    # A version's files are those of a logged model or run of this server, never a path or address that a caller makes up.
    "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": r"(mlflow-artifacts:|models:|runs:)/(?!.*\.\.).*",
    "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def run(settings: Settings, application: str) -> NoReturn:
    """Become the MLflow server: the process stays the same one, and so does what ends it with its parent."""
    prepare(settings)
    command = command_line(settings, application)
    os.execve(command[0], command, environment(settings))  # noqa: S606 - our own interpreter


def prepare(settings: Settings) -> None:
    """The folders and private files that the server needs; its databases are migrated by the server itself, under a lock."""
    for folder in (settings.mlruns, settings.mlruns / "artifacts", settings.certs):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ensure_service_token(settings)
    _write_private(_auth_file(settings), _auth_config(settings))


def command_line(settings: Settings, application: str) -> list[str]:
    """What to execute; `application` names a factory (`module:function`) that returns MLflow's app."""
    quiet = ["-W", "ignore:starlette.middleware.wsgi"]
    listen = ["--host", settings.mlflow_bind, "--port", str(settings.mlflow_port), "--no-server-header"]
    # Behind a proxy, people's addresses are what it says; only it and the platform itself reach this port.
    callers = (
        ["--proxy-headers", "--forwarded-allow-ips", "*"] if settings.mlflow_public_url else ["--no-proxy-headers"]
    )
    log = ["--no-access-log", "--no-use-colors", "--log-level", "warning"]
    stop = ["--timeout-graceful-shutdown", "5"]
    return [
        *(sys.executable, *quiet, "-m", "uvicorn", "--factory", application, "--app-dir", str(REPOSITORY)),
        *(*listen, *callers, *log, *stop),
    ]


def environment(settings: Settings) -> dict[str, str]:
    """Every variable of the server process; what else this one was given stays here."""
    # MLflow signs nothing, so it is not told what opens the authority's keys.
    chosen = settings.model_dump(exclude_defaults=True, exclude=_SECRETS)
    return {
        **inherited(_KEPT),
        **{f"SIGNET_{name.upper()}": str(value) for name, value in chosen.items()},
        "SIGNET_HOME": str(settings.home),
        **_password(settings),
        **_SAFE,
        "_MLFLOW_SERVER_FILE_STORE": tracking_database(settings),
        "_MLFLOW_SERVER_REGISTRY_STORE": tracking_database(settings),
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(settings.mlruns / "artifacts"),
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(urlsplit(origin).netloc for origin in _origins(settings)),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(_origins(settings)),
        "MLFLOW_AUTH_CONFIG_PATH": str(_auth_file(settings)),
        # Nobody signs in with it: it only satisfies MLflow, which makes an administrator on its first start.
        "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.token_urlsafe(32),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(32),
    }


def tracking_database(settings: Settings) -> str:
    """SQLAlchemy URL of MLflow's runs, models, versions and aliases; a password of its own file is not in it."""
    return settings.mlflow_database_url or f"sqlite:///{settings.mlruns / 'mlflow.db'}"


def access_database(settings: Settings) -> str:
    """SQLAlchemy URL of what MLflow knows of people."""
    return settings.mlflow_database_url or f"sqlite:///{settings.mlruns / 'access.db'}"


def _password(settings: Settings) -> dict[str, str]:
    """For our own settings and for PostgreSQL's library, so that no URL that MLflow may write down holds it."""
    password = settings.database_password.get_secret_value()
    return {"SIGNET_DATABASE_PASSWORD": password, "PGPASSWORD": password} if password else {}


def _origins(settings: Settings) -> list[str]:
    """By which addresses MLflow may be called: on this machine, by the platform, and by people."""
    here = [f"http://{name}:{settings.mlflow_port}" for name in LOOPBACK]
    return list(dict.fromkeys([*here, settings.mlflow.rstrip("/"), settings.mlflow_for_people]))


def _auth_config(settings: Settings) -> str:
    values = {
        "default_permission": "READ",
        "database_uri": access_database(settings),
        "admin_username": SERVICE_NAME,
        "authorization_function": AUTHORIZATION,
    }
    # MLflow reads this with configparser, to which a lone % means something.
    return "\n".join(["[mlflow]", *(f"{key} = {value.replace('%', '%%')}" for key, value in values.items())]) + "\n"


def _auth_file(settings: Settings) -> Path:
    return settings.mlruns / "access.ini"


def _write_private(path: Path, text: str) -> None:
    draft = path.with_suffix(f".{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    draft.write_text(text, "utf-8")
    draft.replace(path)
