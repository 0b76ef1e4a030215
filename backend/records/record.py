"""One prediction as the log keeps it: its bytes as they came and went, in front of them who, when and which version.

On the disk a record is its length and its CRC-32 (4 bytes each, big-endian), then its own bytes. What a crash tore off at the end is found by these.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

# Of a record that only says how many others were dropped: `latency_us` is their number.
DROPPED = "dropped"
_FRAME, _LENGTHS = struct.Struct(">II"), struct.Struct(">IIIHI")
_LARGEST = 2**31


class Record(NamedTuple):
    """One answer to one request, of however many rows.

    `id` says when; `caller` is `Principal.subject`; `kind` the body's media type as the caller wrote it; `asked_json` and `answered_json` are where
    the JSON of body and answer ends, 0 for all of it. `body` is empty where inputs are not kept.
    """

    id: str
    model: str
    version: str
    caller: str
    protocol: str
    kind: str
    latency_us: int
    asked_json: int
    answered_json: int
    body: bytes
    answer: bytes


def encode(record: Record) -> bytes:
    """A record, framed."""
    return b"".join(pieces(record))


def pieces(record: Record) -> tuple[bytes, bytes, bytes]:
    """A framed record as what stands before its body, its body and its answer: the large ones as they are, for nothing of them is copied."""
    text = "\n".join(record[:6]).encode("utf-8", "replace")
    head = _LENGTHS.pack(
        min(record.latency_us, 2**32 - 1), record.asked_json, record.answered_json, len(text), len(record.body)
    )
    check = zlib.crc32(record.answer, zlib.crc32(record.body, zlib.crc32(text, zlib.crc32(head))))
    length = len(head) + len(text) + len(record.body) + len(record.answer)
    return b"".join((_FRAME.pack(length, check), head, text)), record.body, record.answer


def decode(content: bytes) -> Iterator[Record]:
    """The records of a segment, up to its end or to what a crash left of the last one."""
    place, end = 0, len(content)
    while place + _FRAME.size <= end:
        length, check = _FRAME.unpack_from(content, place)
        place += _FRAME.size
        whole = memoryview(content)[place : place + length]
        if len(whole) < length or length > _LARGEST or length < _LENGTHS.size or zlib.crc32(whole) != check:
            return
        place += length
        yield _decoded(whole)


def _decoded(whole: memoryview) -> Record:
    latency_us, asked_json, answered_json, text_length, body_length = _LENGTHS.unpack_from(whole)
    text_ends = _LENGTHS.size + text_length
    body_ends = text_ends + body_length
    identifier, model, version, caller, protocol, kind = str(whole[_LENGTHS.size : text_ends], "utf-8").split("\n", 5)
    body, answer = bytes(whole[text_ends:body_ends]), bytes(whole[body_ends:])
    return Record(
        identifier, model, version, caller, protocol, kind, latency_us, asked_json, answered_json, body, answer
    )
