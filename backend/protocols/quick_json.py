"""JSON that can be read in one way only comes in and is read at once; everything else is left to the strict reader.

The fast parser takes the last of two equal keys and turns whole numbers beyond 64 bits into floats. Both are seen afterwards: each string
and key has its two quotation marks in the text, and what is that large is looked at again.
"""

import threading
from typing import Any

import numpy as np
import orjson
import simdjson
from numpy.typing import NDArray

_BEYOND = 2.0**63
# Beyond it a whole number is not kept exactly, so the strict reader has to see how it was written.
_EXACT = 2.0**53
_OPENINGS = (b"{", b" ", b"\n")  # and no byte order mark, which the parser passes over
# A parser keeps the memory of its largest text: a new one for each text costs more than the parsing, one for every size too much memory.
_KEPT_FOR = 512 * 1024
_kept = threading.local()


class Irregular(Exception):
    """The text may mean something else than what the fast parser made of it, or is wrong: the strict reader has to say."""


def parse_quick(data: bytes) -> Any:
    """The value of a JSON text, the very one that the strict reader gives; raises Irregular where it might differ."""
    if b"\\" in data:
        raise Irregular
    value = _loads(data)
    if data.count(b'"') != 2 * _strings(value):
        raise Irregular
    return value


def parse_quick_table(data: bytes, key: str, width: int) -> NDArray[np.float64]:
    """The numbers (rows, `width`) of `{key: [[..], ..]}`; raises Irregular for everything else.

    A number is the float64 that the strict reader and an encoder of numbers make of it. The parser says that the text is JSON and its
    values are numbers; in which lists they are, the brackets and commas say, for there is no string but the key that could hold any.
    """
    begins, ends = data.find(b'"'), data.rfind(b'"')
    if not 0 <= begins < ends or data.find(b'"', begins + 1) != ends or not data.startswith(_OPENINGS):
        raise Irregular
    table = _numbers(data, key)
    # An empty list has as many commas as a list of one.
    if not len(table) or len(table) % width or not _is_table(data, len(table) // width, width):
        raise Irregular
    if not (np.abs(table) < _EXACT).all():
        raise Irregular
    return table.reshape(-1, width)


def _numbers(data: bytes, key: str) -> NDArray[np.float64]:
    """All numbers in the list under the key, however they are nested."""
    parser = _kept.__dict__.pop("parser", None) or simdjson.Parser()
    try:
        parsed: Any = parser.parse(data)
        found = np.frombuffer(parsed[key].as_buffer(of_type="d"))
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise Irregular from error
    # Not after an error, whose traceback may hold a part of the text for a while: the parser could not be used meanwhile.
    if len(data) <= _KEPT_FOR:
        _kept.parser = parser
    return found


def _is_table(data: bytes, rows: int, width: int) -> bool:
    """Whether a JSON text without a bracket or comma in a string is `{key: [[..], ..]}` with so many commas in and between the rows.

    Then each row has `width` values or, where that is 1, perhaps none.
    """
    text = np.frombuffer(data, np.uint8)
    lowered = text | 0x20  # makes { and } of [ and ]
    places = np.flatnonzero((lowered == ord("{")) | (lowered == ord("}")))
    if len(places) != 2 * rows + 4 or text[places].tobytes() != b"{[" + b"[]" * rows + b"]}":
        return False
    expected = np.zeros(len(places), np.int64)
    expected[2:-2:2] = np.arange(rows) * width
    expected[3:-2:2] = expected[2:-2:2] + (width - 1)
    expected[-2:] = rows * width - 1
    return bool((_before(text == ord(","), places) == expected).all())


def _before(marks: NDArray[np.bool_], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many marks stand before each of these places, which are not marked themselves."""
    packed = np.packbits(marks, bitorder="little")
    words = np.zeros(len(marks) // 64 + 1, "<u8")
    words.view(np.uint8)[: len(packed)] = packed
    upto = np.cumsum(np.bitwise_count(words), dtype=np.int64)
    word, bit = places >> 6, (places & 63).astype(np.uint64)
    before: NDArray[np.int64] = upto[word] - np.bitwise_count(words[word] >> bit)
    return before


def _loads(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Irregular from error


def _strings(value: Any) -> int:
    """How many strings and keys there are; raises Irregular for a number that might have been a whole one beyond 64 bits."""
    found, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind is list:
            if set(map(type, item)) <= _NUMBERS and item:
                _verify_small(max(item), min(item))
            else:
                waiting += item
        elif kind is dict:
            found += len(item)
            waiting += item.values()
        elif kind is str:
            found += 1
        elif kind is float:
            _verify_small(item, item)
    return found


_NUMBERS = frozenset({int, float})


def _verify_small(largest: float, smallest: float) -> None:
    if largest >= _BEYOND or smallest <= -_BEYOND:
        raise Irregular
