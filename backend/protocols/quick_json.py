"""JSON that can be read in one way only comes in and is read at once; everything else is left to the strict reader.

The fast parser takes the last of two equal keys and turns whole numbers beyond 64 bits into floats. Both are seen afterwards: each string
and key has its two quotation marks in the text, and what is that large is looked at again.
"""

from typing import Any

import numpy as np
import orjson
import simdjson
from numpy.typing import NDArray

_BEYOND = 2.0**63
# Beyond it a whole number is not kept exactly, so the strict reader has to see how it was written.
_EXACT = 2.0**53
_OPENINGS = (b"{", b" ", b"\n")  # and no byte order mark, which the parser passes over
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"{}[],"))


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
    lists = data.translate(None, _NOT_STRUCTURE)
    rows = (len(lists) - 3) // (width + 2)
    if rows < 1 or lists != b"{[" + b",".join([b"[" + b"," * (width - 1) + b"]"] * rows) + b"]}":
        raise Irregular
    try:
        parsed: Any = simdjson.Parser().parse(data)
        table = np.frombuffer(parsed[key].as_buffer(of_type="d"))
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise Irregular from error
    # An empty list has as many commas as a list of one.
    if len(table) != rows * width or not (np.abs(table) < _EXACT).all():
        raise Irregular
    return table.reshape(rows, width)


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
