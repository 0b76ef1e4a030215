"""What programs in containers of their own need of `certs/`, and no more: each gets copies, in a folder that only it and the API see."""

import stat
from pathlib import Path
from typing import Final

from backend.pki.keystore import write_private, write_public
from backend.settings import Settings

# Keys before certificates: who reads in between finds a pair that does not match, and goes on with the one before.
_SERVER: Final = ("server.key", "server.pem", "ca.pem")
# The public half of the key that signs the tokens of people.
PEOPLES_KEY: Final = "token-public-key.pem"
NEEDED: Final = {
    "proxy": (*_SERVER, "authority/subscribers-ca.pem"),
    "web-app": (*_SERVER, "web-app.pem"),
    "worker": ("mlflow-token",),
    # It verifies people's tokens and makes none.
    "mlflow": ("mlflow-token", PEOPLES_KEY),
}
# Given by an earlier version, and taken back.
_NO_LONGER: Final = {"mlflow": ("token-key.pem",)}


def hand_out(settings: Settings) -> None:
    """Bring the copies up to date, in those folders of `SIGNET_HANDOUT` that are there; what is not made yet comes another time."""
    if settings.handout is None:
        return
    for program, names in NEEDED.items():
        folder = settings.handout / program
        if folder.is_dir():
            for name in names:
                _copy(settings.certs / name, folder / name)
            for name in _NO_LONGER.get(program, ()):
                (folder / name).unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    """Private files stay private."""
    if not source.exists():
        return
    content = source.read_bytes()
    if target.exists() and target.read_bytes() == content:
        return
    target.parent.mkdir(mode=0o700, exist_ok=True)
    write = write_public if source.stat().st_mode & stat.S_IROTH else write_private
    write(target, content)
