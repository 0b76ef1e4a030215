"""Receiving a file: streamed into a folder of its own under a generated name, hashed and counted on the way."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from backend.database import new_id
from backend.datasets.at_work import at_work
from backend.datasets.private_files import CHUNK, private_file
from backend.errors import DatasetUnreadable, TooLarge


@dataclass(frozen=True)
class Upload:
    """A received file: where it is, the SHA-256 of its bytes (hex) and how many they are."""

    path: Path
    sha256: str
    bytes: int


@contextmanager
def received(stream: BinaryIO, uploads: Path, limit: int) -> Iterator[Upload]:
    """The stream's bytes as a file, which is gone when the block ends, whatever happened in it.

    `limit` in bytes; TooLarge beyond it, DatasetUnreadable for nothing at all. Other files may be made beside it.
    """
    folder = uploads / new_id()
    folder.mkdir(mode=0o700, parents=True)
    try:
        with at_work(folder):
            yield _received(stream, folder / "upload", limit)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _received(stream: BinaryIO, path: Path, limit: int) -> Upload:
    digest = hashlib.sha256()
    count = 0
    with private_file(path) as file:
        while chunk := stream.read(CHUNK):
            count += len(chunk)
            if count > limit:
                raise TooLarge(f"The file is larger than {limit // CHUNK:,} MB, the largest that is accepted.")
            digest.update(chunk)
            file.write(chunk)
    if count == 0:
        raise DatasetUnreadable("The file is empty. Send a table with a header line and at least one row.")
    return Upload(path, digest.hexdigest(), count)
