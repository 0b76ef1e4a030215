"""Files that only this account can read, and that stand under their name whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from backend.datasets.at_work import at_work
from backend.durable import flush

CHUNK = 1024 * 1024


def private_file(path: Path) -> BinaryIO:
    """A new file that only this account can read; FileExistsError where the name is taken, link or not."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A place to write the file; it takes the name of the target, and is on the disk, once the block ends well."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    private_file(part).close()
    try:
        with at_work(part):
            yield part
        flush(part)
        part.replace(target)
        flush(target.parent)
    finally:
        part.unlink(missing_ok=True)
