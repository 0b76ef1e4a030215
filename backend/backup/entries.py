"""An archive's content: named entries of any length, one after the other; memory holds one block, however long an entry is.

An entry is a line of JSON and its blocks, each with its length before it, compressed where that is shorter; then an empty block and the
SHA-256 of the whole.
"""

import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from backend.errors import Invalid

BLOCK = 256 * 1024
_COMPRESSED = 1 << 31
_LONGEST_NAME = 4096
_PART = re.compile(r"[^/\x00-\x1f\x7f]+")
_DAMAGED = "The archive is damaged inside, though nobody altered it since it was made. Take another one."


class Out(Protocol):
    """Where an archive is written to."""

    def write(self, content: bytes) -> object: ...


class In(Protocol):
    """What an archive is read from: exactly so many bytes."""

    def read(self, size: int) -> bytes: ...


@dataclass(frozen=True)
class Entry:
    """One entry on its way in; `blocks` is read to its end, and checked, before the next one comes."""

    name: str
    mode: int
    blocks: Iterator[bytes]

    def whole(self) -> bytes:
        """All of it, for what is small."""
        return b"".join(self.blocks)


class Writing:
    """Entries written to `out`, counted; `end` says that there are no more."""

    def __init__(self, out: Out) -> None:
        self._out, self.entries, self.bytes = out, 0, 0

    def add(self, name: str, blocks: Iterable[bytes], *, mode: int = 0o600) -> None:
        """One entry, of pieces of any length."""
        line = json.dumps({"name": name, "mode": mode}).encode()
        self._out.write(len(line).to_bytes(4, "big") + line)
        digest = hashlib.sha256()
        for block in _gathered(blocks):
            digest.update(block)
            self.bytes += len(block)
            self._block(block)
        self._out.write(bytes(4) + digest.digest())
        self.entries += 1

    def add_file(self, name: str, file: BinaryIO, *, mode: int = 0o600) -> None:
        """One entry from an open file, as long as it is now."""
        self.add(name, _to_the_present_end(file), mode=mode)

    def end(self) -> None:
        self._out.write(bytes(4))

    def _block(self, block: bytes) -> None:
        packed = zlib.compress(block, 1)
        if len(packed) < len(block):
            self._out.write((len(packed) | _COMPRESSED).to_bytes(4, "big") + packed)
        else:
            self._out.write(len(block).to_bytes(4, "big") + block)


def _to_the_present_end(file: BinaryIO) -> Iterator[bytes]:
    """What is appended meanwhile is left: a file that grows as fast as it is read would have no end."""
    left = os.fstat(file.fileno()).st_size
    while left and (block := file.read(min(left, BLOCK))):
        left -= len(block)
        yield block


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of one size, but for the last."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= BLOCK:
            yield bytes(waiting[:BLOCK])
            del waiting[:BLOCK]
    if waiting:
        yield bytes(waiting)


def read_entries(source: In) -> Iterator[Entry]:
    """The entries in their order; Invalid where one is not what its digest says or has a name that could leave a folder."""
    while size := int.from_bytes(source.read(4), "big"):
        if size > _LONGEST_NAME:
            raise Invalid(_DAMAGED)
        facts = json.loads(source.read(size))
        blocks = _blocks(source)
        yield Entry(_verified_name(facts["name"]), int(facts["mode"]), blocks)
        for _ in blocks:  # what the caller left
            pass


def _blocks(source: In) -> Iterator[bytes]:
    digest = hashlib.sha256()
    while length := int.from_bytes(source.read(4), "big"):
        packed = source.read(length & (_COMPRESSED - 1))
        block = _unpacked(packed) if length & _COMPRESSED else packed
        digest.update(block)
        yield block
    if source.read(32) != digest.digest():
        raise Invalid(_DAMAGED)


def _unpacked(packed: bytes) -> bytes:
    unpack = zlib.decompressobj()
    block = unpack.decompress(packed, BLOCK)
    if not unpack.eof:
        raise Invalid(_DAMAGED)
    return block


def _verified_name(name: str) -> str:
    parts = name.split("/")
    if not all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts):
        raise Invalid(_DAMAGED, cause=f"an entry is called {name!r}")
    return name
