"""Is a training worker there: each holds a shared lock on one file, which the kernel gives back however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from backend.settings import Settings


@contextmanager
def announced(settings: Settings) -> Iterator[None]:
    """A worker is there as long as the block runs."""
    with _file(settings) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


def is_worker_present(settings: Settings) -> bool:
    """True where at least one worker runs on this home."""
    with _file(settings) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextmanager
def _file(settings: Settings) -> Iterator[int]:
    folder = settings.data / "run"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / "worker.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # and the lock with it
