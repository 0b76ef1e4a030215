"""One look for the logs of every process: UTC time, level, who says it, what."""

import logging
import time

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
TIME = "%Y-%m-%dT%H:%M:%S"

# Libraries that tell of each request: the platform asks MLflow twice a second.
TALKATIVE = ("httpx", "httpcore", "urllib3", "alembic")


def configure_logging() -> None:
    """Log to standard error at INFO, libraries that talk much at WARNING; called once, by a process's root."""
    formatter = logging.Formatter(FORMAT, TIME)
    formatter.converter = time.gmtime
    output = logging.StreamHandler()
    output.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[output], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
