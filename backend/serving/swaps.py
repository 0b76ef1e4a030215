"""What happened when an alias came to name another version: told to whoever listens, and a failure to the journal, once."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from backend.audit.events import SYSTEM, Event
from backend.audit.journal import record
from backend.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swap:
    """In this process `alias` is now answered by `version`, or with `problem` still by `previous`.

    `seconds` is how long loading, checking and warming took.
    """

    model: str
    alias: str
    version: str
    previous: str | None
    problem: str | None
    seconds: float

    @property
    def result(self) -> str:
        """How it ended, in a word."""
        return "failed" if self.problem else "succeeded"


OnSwap = Callable[[Swap], None]


def unheard(swap: Swap) -> None:
    """The listener where nobody listens."""


class FailureBook:
    """Writes a failed swap to the journal once, however many processes meet it, and again after one that succeeded.

    A small file beside the models says that it was written: the processes of one home share it.
    """

    def __init__(self, settings: Settings, context: Callable[[], AbstractContextManager[object]]) -> None:
        self._folder = settings.data / "models" / ".failed"
        self._context = context

    def note(self, swap: Swap) -> None:
        """Write down what the swap says, or that the alias is well again."""
        try:
            if swap.problem is None:
                for mark in self._marks(swap):
                    mark.unlink(missing_ok=True)
            elif self._is_first(swap):
                self._record(swap, swap.problem)
        except OSError:
            _log.exception("the failure of %s@%s could not be written down", swap.model, swap.alias)

    def _is_first(self, swap: Swap) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            (self._folder / f"{_key(swap)}-{swap.version}").touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _marks(self, swap: Swap) -> Iterator[Path]:
        return self._folder.glob(f"{_key(swap)}-*")

    def _record(self, swap: Swap, problem: str) -> None:
        with self._context():
            record(
                Event.MODEL_SWAP_FAILED,
                actor=SYSTEM,
                target=f"model:{swap.model}@{swap.alias}",
                outcome="failed",
                details={"version": swap.version, "served": swap.previous, "problem": problem},
            )


def _key(swap: Swap) -> str:
    """A name for a file, whatever a model may be called."""
    return hashlib.sha256(f"{swap.model}\0{swap.alias}".encode()).hexdigest()[:32]
