"""A file is received in pieces, hashed, bounded, and leaves nothing behind."""

import hashlib
import io
import os
import tracemalloc
from pathlib import Path

import pytest

from backend.datasets.limits import MEGABYTE
from backend.datasets.uploads import received
from backend.errors import DatasetUnreadable, TooLarge


class Endless(io.RawIOBase):
    """So many bytes, none of which exists before it is asked for; it may break off."""

    def __init__(self, size: int, breaks_at: int | None = None) -> None:
        self.left, self.breaks_at, self.largest = size, breaks_at, 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "all at once"
        self.largest = max(self.largest, size)
        if self.breaks_at is not None and self.left <= self.breaks_at:
            raise ConnectionResetError
        piece = min(size, self.left)
        self.left -= piece
        return b"x" * piece


def test_bytes_arrive_whole_private_and_under_a_generated_name(tmp_path: Path) -> None:
    content = os.urandom(3 * MEGABYTE + 17)
    with received(io.BytesIO(content), tmp_path / "uploads", 4 * MEGABYTE) as upload:
        assert upload.path.read_bytes() == content
        assert (upload.bytes, upload.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert upload.path.stat().st_mode & 0o077 == 0
        assert upload.path.parent.stat().st_mode & 0o077 == 0
        assert upload.path.parent.parent == tmp_path / "uploads"
    assert list((tmp_path / "uploads").iterdir()) == []


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        with received(Endless(64 * MEGABYTE), tmp_path, 100 * MEGABYTE) as upload:
            assert upload.bytes == 64 * MEGABYTE
        assert tracemalloc.get_traced_memory()[1] < 4 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_exactly_the_limit_is_accepted_and_one_byte_more_is_not(tmp_path: Path) -> None:
    with received(Endless(2 * MEGABYTE), tmp_path, 2 * MEGABYTE):
        pass
    stream = Endless(1000 * MEGABYTE)
    with pytest.raises(TooLarge, match="larger than 2 MB"), received(stream, tmp_path, 2 * MEGABYTE):
        pytest.fail("accepted")
    assert stream.left > 990 * MEGABYTE, "the rest is not read"
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_a_broken_or_empty_upload(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError), received(Endless(9 * MEGABYTE, MEGABYTE), tmp_path, 10**9):
        pytest.fail("accepted")
    with pytest.raises(DatasetUnreadable, match="is empty"), received(io.BytesIO(b""), tmp_path, 10**9):
        pytest.fail("accepted")
    assert list(tmp_path.iterdir()) == []
