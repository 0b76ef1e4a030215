"""One look for the logs of every process: UTC time, level, who says it, what."""

import logging
import time
from typing import Any

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
TIME = "%Y-%m-%dT%H:%M:%S"

# Libraries that tell of each request: the platform asks MLflow twice a second.
TALKATIVE = ("httpx", "httpcore", "urllib3", "alembic")


class OneLine(logging.Formatter):
    """What a caller sent cannot begin a line of its own, nor steer the terminal on which it is read.

    The lines of a traceback are indented: an error may hold a caller's text, and a line that begins with a time is one of ours.
    """

    converter = staticmethod(time.gmtime)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        record.message = "".join(map(_printable, record.message))
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        lines = super().formatException(ei).split("\n")
        return "\n".join("  " + "".join(map(_printable, line)) for line in lines)


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


def configure_logging() -> None:
    """Log to standard error at INFO, libraries that talk much at WARNING; called once, by a process's root."""
    output = logging.StreamHandler()
    output.setFormatter(OneLine(FORMAT, TIME))
    logging.basicConfig(level=logging.INFO, handlers=[output], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
