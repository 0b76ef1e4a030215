"""Ids of predictions and of decisions that prove themselves: who asked, when, which version and for how many rows, under a key of ours.

An id is 36 letters of URL-safe base64 (RFC 4648, section 5) over 27 bytes: milliseconds since 1970 (6), a number that no other id of that
moment has (5), the tag of the version (5), rows (3), and a keyed BLAKE2b (RFC 7693) over these and the caller (8). `ID.3` means its fourth row.
So whose prediction it is needs no look-up: it is known at once, by every server that has the key, and after a restart.
"""

import binascii
import hmac
import itertools
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, Self

from backend.errors import NotFound
from backend.identity.authority import ensure_secret
from backend.settings import Settings

# What is asked of `name(tag, rows)`: the id of an answer, bound to the caller who waits for it.
Namer = Callable[[bytes, int], str]
Kind = Literal["prediction", "decision"]

KEY_FILE = "prediction-key"
MOST_ROWS = 2**24 - 1  # that an id can say, and so the most that one request may hold
_TEXT = re.compile(r"([A-Za-z0-9_-]{36})(?:\.(0|[1-9][0-9]{0,7}))?", re.ASCII)
_URL, _PLAIN = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_TAG, _MAC, _HEAD = 5, 8, 19
_HIDDEN = 1 << 16  # ids of one process within a millisecond are told apart by a count below this


@dataclass(frozen=True, slots=True)
class Proven:
    """What a good id says; `id` is without the row that a suffix may name, and `row` is that row, counted from 0."""

    id: str
    made_at: datetime
    tag: bytes
    rows: int
    row: int | None


class PredictionIds:
    """Makes ids and knows its own again; shared by threads, and one for each process, so make it after a fork."""

    def __init__(self, key: bytes, kind: Kind = "prediction") -> None:
        self._kind = kind
        # What it is an id of is part of the hash: no decision is taken for a prediction.
        self._hash = blake2b(digest_size=_MAC, key=key, person=kind.encode())
        self._process = secrets.randbits(24) << 16
        self._count = itertools.count(secrets.randbits(16))

    @classmethod
    def open(cls, settings: Settings, kind: Kind = "prediction") -> Self:
        """With the key in `certs/prediction-key` (0600), made where there is none; without it, earlier ids are unknown."""
        return cls(ensure_secret(settings.certs / KEY_FILE).encode(), kind)

    def make(self, caller: str, tag: bytes, rows: int = 1) -> str:
        """The id of an answer that is ready now; `caller` is `Principal.subject`, `tag` the version's. Takes about a microsecond."""
        number = self._process | (next(self._count) % _HIDDEN)
        head = (time.time_ns() // 1_000_000 << 40 | number).to_bytes(11) + tag + rows.to_bytes(3)
        text = binascii.b2a_base64(head + self._sealed(head, caller), newline=False)
        return text.translate(_URL).decode("ascii")

    def verify(self, text: str, caller: str) -> Proven:
        """What the id says; NotFound where it was not made here for this caller, whatever the reason, or has no such row."""
        found = _TEXT.fullmatch(text)
        whole = binascii.a2b_base64(found[1].encode().translate(_PLAIN)) if found else bytes(_HEAD + _MAC)
        head = whole[:_HEAD]
        is_ours = hmac.compare_digest(self._sealed(head, caller), whole[_HEAD:])
        rows = int.from_bytes(head[16:])
        row = int(found[2]) if found and found[2] else None
        if found is None or not is_ours or (row is not None and row >= rows):
            raise NotFound(f"There is no such {self._kind}.")
        made_at = datetime.fromtimestamp(int.from_bytes(head[:6]) / 1000, UTC)
        return Proven(found[1], made_at, head[11:16], rows, row)

    def _sealed(self, head: bytes, caller: str) -> bytes:
        # Its length never changes, so that where it ends and the caller begins is not open to two readings.
        sealed = self._hash.copy()
        sealed.update(head + caller.encode())
        return sealed.digest()


@lru_cache(maxsize=4096)
def version_tag(model: str, version: str) -> bytes:
    """What ids say of a version: 40 bits of its name. Two of ten thousand versions share one with a chance of 1 in 20 000."""
    return blake2b(f"{model}\0{version}".encode(), digest_size=_TAG).digest()


def made_at_of(text: str) -> datetime:
    """When an id was made, of one that is known to be good."""
    return datetime.fromtimestamp(int.from_bytes(binascii.a2b_base64(text[:8].encode().translate(_PLAIN))) / 1000, UTC)
