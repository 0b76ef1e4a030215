"""What a training process tells its worker: one JSON object a line; steps and progress go out, and a refusal in words."""

import json
import os
import sys
import time
from typing import Any, TextIO

_LEAST_SECONDS = 0.2


class Reporter:
    """Writes messages `{"step", "progress"}` and `{"refused"}`; progress more often than five times a second is left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._step = "starting"
        self._last = 0.0

    def step(self, name: str, progress: float) -> None:
        """A new step begins at this share (0..1) of the whole."""
        self._step = name
        self._write(step=name, progress=progress)

    def progress(self, progress: float) -> None:
        """The present step has brought the whole so far."""
        if time.monotonic() - self._last >= _LEAST_SECONDS:
            self._write(step=self._step, progress=progress)

    def refused(self, reason: str) -> None:
        """Training is impossible, and trying again will not help."""
        self._write(refused=reason)

    def _write(self, **message: Any) -> None:
        self._last = time.monotonic()
        print(json.dumps(message), file=self._stream, flush=True)


def private_output() -> TextIO:
    """Standard output for messages alone: what libraries print there goes to standard error from now on."""
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return stream
