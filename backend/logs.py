"""One look for the logs of every process: UTC time, level, who says it, what; as text for people or as JSON for programs."""

import json
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


class JsonLine(logging.Formatter):
    """One object a line; the text of an exception is a member of it."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": f"{self.formatTime(record, TIME)}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


def formatter(form: str) -> logging.Formatter:
    """For `text` or `json`."""
    return JsonLine() if form == "json" else OneLine(FORMAT, TIME)


def configure_logging(form: str = "text") -> None:
    """Log to standard error at INFO, libraries that talk much at WARNING; called once, by a process's root."""
    output = logging.StreamHandler()
    output.setFormatter(formatter(form))
    logging.basicConfig(level=logging.INFO, handlers=[output], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
