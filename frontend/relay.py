"""Uploads in slices: they come in from the browser one by one, wait in a file, and go on to the API as one stream.

Nothing of a file is held in memory but the piece on its way. A slice that was lost is sent again at the same offset.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread

MOST_AT_ONCE = 3
STALE_SECONDS = 3600.0
LARGEST_SLICE = 16 * 1024 * 1024
PIECE = 1024 * 1024
# What must stay free on the disk beside the file that is to come.
SPARE_BYTES = 256 * 1024 * 1024


class RelayError(Exception):
    """Why an upload is refused: status, code, a text for the person, and how much is safe already where that helps."""

    def __init__(self, status: int, code: str, detail: str, received: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.received = status, code, detail, received


@dataclass
class Incoming:
    """A file that is arriving; `received` bytes of `size` are safe."""

    id: str
    owner: str
    filename: str
    size: int
    path: Path
    received: int = 0
    touched_at: float = field(default_factory=time.monotonic)

    @property
    def is_complete(self) -> bool:
        return self.received == self.size


class Relay:
    """The files that are arriving, each belonging to the session (`owner`) that began it."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._incoming: dict[str, Incoming] = {}
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Remove what an earlier process left behind."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def begin(self, owner: str, filename: str, size: int) -> Incoming:
        """A place for a file of that size; RelayError where it is too large or there are too many."""
        if not 0 < size <= self.max_bytes:
            limit = self.max_bytes // (1024 * 1024)
            raise RelayError(413, "too-large", f"A file may have up to {limit} MB, and not be empty.")
        self._sweep()
        with self._lock:
            if sum(entry.owner == owner for entry in self._incoming.values()) >= MOST_AT_ONCE:
                raise RelayError(429, "too-many-requests", "Too many uploads at once. Finish or cancel one first.")
            if shutil.disk_usage(self.folder).free < size + SPARE_BYTES:
                raise RelayError(507, "no-space", "The disk of the platform is too full for this file.")
            upload_id = secrets.token_urlsafe(16)
            path = self.folder / f"{secrets.token_hex(16)}.part"
            entry = Incoming(upload_id, owner, filename, size, path)
            path.touch(mode=0o600)
            self._incoming[upload_id] = entry
        return entry

    def find(self, owner: str, upload_id: str) -> Incoming:
        """RelayError where the upload is unknown or belongs to another session."""
        entry = self._incoming.get(upload_id)
        if entry is None or entry.owner != owner:
            raise RelayError(404, "not-found", "This upload is not known any more. Start it again.")
        entry.touched_at = time.monotonic()
        return entry

    async def write(self, entry: Incoming, offset: int, chunks: AsyncIterator[bytes], sha256: str) -> None:
        """Take one slice; RelayError where it does not follow what is there, is too long, or was changed on its way."""
        if offset != entry.received:
            raise RelayError(409, "conflict", f"Expected the slice at {entry.received}.", entry.received)
        seen, end = hashlib.sha256(), offset
        descriptor = os.open(entry.path, os.O_WRONLY)
        try:
            async for piece in _gathered(chunks):
                if end + len(piece) > min(entry.size, offset + LARGEST_SLICE):
                    raise RelayError(413, "too-large", "The slice is longer than announced.")
                seen.update(piece)
                await to_thread.run_sync(os.pwrite, descriptor, piece, end)
                end += len(piece)
        finally:
            os.close(descriptor)
        if seen.hexdigest() != sha256:
            raise RelayError(422, "invalid", "The slice was changed on its way.")
        entry.received = end

    def forget(self, entry: Incoming) -> None:
        """The upload is over, one way or the other."""
        with self._lock:
            self._incoming.pop(entry.id, None)
        entry.path.unlink(missing_ok=True)

    def _sweep(self) -> None:
        late = time.monotonic() - STALE_SECONDS
        for entry in [entry for entry in self._incoming.values() if entry.touched_at < late]:
            self.forget(entry)


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces that are worth a visit to another thread."""
    piece = bytearray()
    async for chunk in chunks:
        piece += chunk
        if len(piece) >= PIECE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
