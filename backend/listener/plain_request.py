"""The first bytes of a request of the plainest kind come in; its head as WSGI has it, and where its body is, go out.

Narrower than HTTP on purpose: whatever could be read in two ways is not read here at all, but by the server's own parser.
"""

import re
from typing import NamedTuple

# Neither a query nor an escape, no name with "_", one line a header, printable ASCII.
_HEAD = re.compile(r"POST (/[\w./-]*) HTTP/1\.1((?:\r\n[A-Za-z0-9-]+:[\t -~]*)+)", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?")
LONGEST_HEAD = 8000  # bytes; within the limits of the server's own parser
_MOST_HEADERS = 50
END = b"\r\n\r\n"
# They say that the request is framed or meant differently.
_UNCOMMON = frozenset({"TRANSFER-ENCODING", "EXPECT", "UPGRADE", "TRAILER", "TE", "CONTENT-ENCODING"})
_OWN_KEYS = {"CONTENT-TYPE": "CONTENT_TYPE", "CONTENT-LENGTH": "CONTENT_LENGTH"}


class Plain(NamedTuple):
    """A POST request: the fields of its head by their WSGI names, and the bytes of its body."""

    fields: dict[str, str]
    length: int


def read_plain(head: bytes) -> Plain | None:
    """What the head of a plain POST request says, its end not included; None for every other."""
    if len(head) > LONGEST_HEAD:
        return None
    match = _HEAD.fullmatch(head.decode("latin-1"))
    fields = None if match is None else _fields(match[2])
    if match is None or fields is None or not _is_framed(fields):
        return None
    return Plain({"PATH_INFO": match[1], **fields}, int(fields["CONTENT_LENGTH"]))


def _fields(lines: str) -> dict[str, str] | None:
    """The header fields by their WSGI names, each of them once."""
    found: dict[str, str] = {}
    given = lines.split("\r\n")
    for line in given[1:]:
        name, _, value = line.partition(":")
        name = name.upper()
        key = _OWN_KEYS.get(name) or f"HTTP_{name.replace('-', '_')}"
        if key in found or name in _UNCOMMON:
            return None
        found[key] = value.strip(" \t")
    return found if len(found) <= _MOST_HEADERS else None


def _is_framed(fields: dict[str, str]) -> bool:
    stated, host = fields.get("CONTENT_LENGTH", ""), fields.get("HTTP_HOST", "")
    if not (stated.isascii() and stated.isdecimal() and len(stated) < 8 and _HOST.fullmatch(host)):
        return False
    return fields.get("HTTP_CONNECTION", "keep-alive").lower() == "keep-alive"
