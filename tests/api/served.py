"""The API as it is served, whose certificates are of three weeks ago until told: `python -m tests.api.served <home> <port>`."""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from backend.app import start_app
from backend.database import now
from backend.identity import issuing
from backend.server.application import serve
from backend.settings import Settings
from backend.supervision.tether import die_with

LATE = timedelta(days=21)


def clock_of(home: Path):  # type: ignore[no-untyped-def]
    """A clock that is three weeks late until there is a file `on-time` in the home."""

    def late() -> datetime:
        return now() if (home / "on-time").exists() else now() - LATE

    return late


if __name__ == "__main__":
    die_with(os.getppid())
    home, port = Path(sys.argv[1]), int(sys.argv[2])
    issuing.now = clock_of(home)
    serve(Settings(home=home, port=port, server_threads=4), start_app)
