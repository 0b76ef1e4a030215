"""The sealed stream around an archive: bytes of any length come in, chunks that cannot be altered, moved or left out go out, and back.

A first line, a line of JSON that says who may open it, then chunks of 64 KiB under AES-256-GCM. A chunk's nonce is its number and
whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár), and the key is bound to the first two lines.
"""

import json
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.backup.openers import Opener
from backend.errors import Invalid

_FIRST_LINE = b"signet-backup 1\n"
_CHUNK, _TAG = 64 * 1024, 16
_LONGEST_HEADER, _MOST_OPENERS = 64 * 1024, 16
_DAMAGED = "The archive is not whole: it was cut, altered, or put together from parts. Nothing was restored."


class Sealing:
    """A file-like end into which an archive is written; `close` marks its end, without which it opens nowhere."""

    def __init__(self, target: BinaryIO, openers: Sequence[Opener]) -> None:
        key = os.urandom(32)
        header = json.dumps({"openers": [dict(opener.close(key)) for opener in openers]}).encode() + b"\n"
        target.write(_FIRST_LINE + header)
        self._target, self._cipher = target, _cipher(key, header)
        self._number, self._waiting = 0, bytearray()

    def write(self, content: bytes) -> None:
        self._waiting += content
        # A full chunk is kept until it is known whether another one follows.
        while len(self._waiting) > _CHUNK:
            self._seal(bytes(self._waiting[:_CHUNK]), last=0)
            del self._waiting[:_CHUNK]

    def close(self) -> None:
        self._seal(bytes(self._waiting), last=1)

    def _seal(self, plain: bytes, *, last: int) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._number, last), plain, None))
        self._number += 1


class Opened:
    """The archive inside a sealed stream, read in order; Invalid at the first byte that is not what was sealed."""

    def __init__(self, source: BinaryIO, openers: Sequence[Opener]) -> None:
        if source.readline(len(_FIRST_LINE)) != _FIRST_LINE:
            raise Invalid("This is no archive of this platform, or one of a later release.")
        header = source.readline(_LONGEST_HEADER)
        self._chunks = _chunks(source, _cipher(_find_key(header, openers), header))
        self._ahead = b""

    def read(self, size: int) -> bytes:
        """Exactly so many bytes; Invalid where there are fewer."""
        parts, missing = [], size
        while missing:
            if not self._ahead:
                self._ahead = next(self._chunks, b"")
                if not self._ahead:
                    raise Invalid(_DAMAGED)
            parts.append(self._ahead[:missing])
            self._ahead = self._ahead[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def verify_ended(self) -> None:
        """Invalid unless everything was read, and the last chunk was the last."""
        if self._ahead or next(self._chunks, b""):
            raise Invalid(_DAMAGED)


def _chunks(source: BinaryIO, cipher: AESGCM) -> Iterator[bytes]:
    number, sealed = 0, source.read(_CHUNK + _TAG)
    while True:
        following = source.read(_CHUNK + _TAG)
        try:
            plain = cipher.decrypt(_nonce(number, 0 if following else 1), sealed, None)
        except (InvalidTag, ValueError) as error:
            raise Invalid(_DAMAGED, cause=f"chunk {number}") from error
        if plain:
            yield plain
        if not following:
            return
        number, sealed = number + 1, following


def _find_key(header: bytes, openers: Sequence[Opener]) -> bytes:
    try:
        stanzas = json.loads(header)["openers"][:_MOST_OPENERS]
        keys = [opener.find_key(stanza) for stanza in stanzas for opener in openers]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(_DAMAGED, cause=repr(error)) from error
    for key in keys:
        if key is not None:
            return key
    words = {"passphrase": "its passphrase", "x25519": "the key of its recipient"}
    kinds = " or ".join(sorted({words.get(stanza.get("for"), "something unknown") for stanza in stanzas}))
    raise Invalid(
        f"The archive does not open. It needs {kinds}; what was given is another, or the archive was altered."
    )


def _cipher(key: bytes, header: bytes) -> AESGCM:
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_FIRST_LINE + header)
    return AESGCM(derive.derive(key))


def _nonce(number: int, last: int) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
