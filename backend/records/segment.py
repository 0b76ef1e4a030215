"""The file to which one process appends its records; whoever holds its lock writes it, and nobody else reads it until then."""

import fcntl
import os
import secrets
import time
from pathlib import Path

SUFFIX = ".segment"
_PIECES_AT_ONCE = 512  # Linux takes 1,024 (IOV_MAX)


class Segment:
    """A new file, locked for as long as it is open; the kernel gives the lock back however the process ends."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns() // 1_000_000:013d}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        self.path, self.size, self.began = folder / name, 0, time.monotonic()
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._synced = True

    def write(self, *pieces: bytes) -> None:
        """Append; once it returns, the pieces outlive this process. OSError where the disk does not take them, and then nothing of them stays."""
        written = 0
        try:
            for start in range(0, len(pieces), _PIECES_AT_ONCE):
                written += self._written(list(pieces[start : start + _PIECES_AT_ONCE]))
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += written
        self._synced = False

    def _written(self, pieces: list[bytes]) -> int:
        """How many bytes these were."""
        length = sum(map(len, pieces))
        done = os.writev(self._descriptor, pieces)
        if done < length:  # a disk that is nearly full, or a piece of more than the kernel takes at once
            rest = memoryview(b"".join(pieces))[done:]
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        return length

    def sync(self) -> None:
        """Put it on the disk: from then on it outlives the machine."""
        if not self._synced:
            os.fdatasync(self._descriptor)
            self._synced = True

    def close(self) -> None:
        try:
            self.sync()
        finally:
            os.close(self._descriptor)


def take(path: Path) -> bytes | None:
    """The content of a segment that nobody writes any more; None where somebody does or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        # Between its making and its lock a file belongs to a writer that is about to take it.
        is_new = time.time() - os.fstat(descriptor).st_mtime < 1
        content = file.read()
    return None if is_new and not content else content
