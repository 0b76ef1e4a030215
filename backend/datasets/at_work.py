"""Which files processes work at: a mark that the operating system takes away with the process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def at_work(path: Path) -> Iterator[None]:
    """While the block runs, `free` refuses the folder or file to every process of this machine."""
    with _open(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


@contextmanager
def free(path: Path) -> Iterator[None]:
    """For the block, at which nobody works; BlockingIOError where somebody does, FileNotFoundError where it is gone."""
    with _open(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextmanager
def _open(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
