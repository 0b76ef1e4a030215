"""Four people who need no database, for a test server of MLflow, and a file in place of the journal."""

import base64
import binascii
import json
from dataclasses import asdict, dataclass

from backend.errors import InvalidCredentials, Unauthenticated
from backend.registry.mlflow_acts import Act
from backend.settings import Settings

PASSWORD = "correct horse battery staple"
ROLES = ("admin", "manager", "scientist", "expert")


@dataclass(frozen=True)
class Somebody:
    """Called as their role is."""

    username: str
    role: str


def bearer(role: str) -> str:
    """The header of somebody with an access token."""
    return f"Bearer token-of-{role}"


def basic(role: str, password: str = PASSWORD) -> str:
    """The header of somebody with a password."""
    return "Basic " + base64.b64encode(f"{role}:{password}".encode()).decode()


def authenticate(header: str) -> Somebody:
    """One of the four; Unauthenticated for everybody else."""
    scheme, _, credential = header.partition(" ")
    match scheme:
        case "Bearer":
            name = _bearer(credential)
        case "Session":
            name = _session(credential)
        case _:
            name = _basic(credential)
    if name not in ROLES:
        raise InvalidCredentials("Wrong username or password.")
    return Somebody(name, name)


def _bearer(credential: str) -> str | None:
    return credential.removeprefix("token-of-") if credential.startswith("token-of-") else None


def _session(credential: str) -> str | None:
    return _bearer(credential.partition(" ")[0])


def _basic(credential: str) -> str | None:
    try:
        name, _, password = base64.b64decode(credential, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthenticated("That is no Basic credential.") from error
    return name if password == PASSWORD else None


def note(settings: Settings, act: Act) -> None:
    """Kept as a line of a file."""
    with (settings.home / "acts.jsonl").open("a") as acts:
        acts.write(json.dumps(asdict(act)) + "\n")


def acts_of(settings: Settings, target: str) -> list[Act]:
    """What was kept of that target so far."""
    lines = (settings.home / "acts.jsonl").read_text().splitlines()
    return [act for act in (Act(**json.loads(line)) for line in lines) if act.target == target]
