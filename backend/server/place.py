"""The Unix socket of an API that stands behind a proxy; in a folder that several APIs share, each has one of its own."""

import contextlib
import secrets
import socket
import time
from pathlib import Path

# Between its making and its first word a socket refuses like one whose API is gone.
_YOUNG_SECONDS = 10


def choose(path: Path) -> Path:
    """The path itself; where it is a folder, a new name in it, after what APIs that were killed left there is removed."""
    if not path.is_dir():
        return path
    for left in path.glob("*.sock"):
        with contextlib.suppress(FileNotFoundError):  # another API removes them too
            if time.time() - left.stat().st_mtime > _YOUNG_SECONDS and not _answers(left):
                left.unlink()
    return path / f"{secrets.token_hex(8)}.sock"


def _answers(path: Path) -> bool:
    """Whether a process listens there; one that is too busy to say so does."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(1)
        try:
            asked.connect(str(path))
        except ConnectionRefusedError:
            return False
        except (TimeoutError, BlockingIOError):
            return True
    return True
