"""JSON that can be read in one way only comes in and is read at once; everything else is left to the strict reader.

The fast parser takes the last of two equal keys and turns whole numbers beyond 64 bits into floats. Both are seen afterwards: each string
and key has its two quotation marks in the text, and what is that large is looked at again.
"""

import struct
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

_BEYOND = 2.0**63
# Beyond it a whole number is not kept exactly, so the strict reader has to see how it was written.
_EXACT = 2.0**53


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

    A number is the float64 that the strict reader and an encoder of numbers make of it.
    """
    # One string in the whole text: it can only be the key. Behind it a truth value would pass for a number.
    begins, ends = data.find(b'"'), data.rfind(b'"')
    if (
        not 0 <= begins < ends
        or data.find(b'"', begins + 1) != ends
        or data.find(b"t", ends) > 0
        or data.find(b"f", ends) > 0
    ):
        raise Irregular
    value = _loads(data)
    rows = value.get(key) if type(value) is dict else None
    if type(rows) is not list or not rows:
        raise Irregular
    pack = struct.Struct(f"{width}d").pack
    try:
        table = np.frombuffer(b"".join([pack(*row) for row in rows])).reshape(len(rows), width)
    except (struct.error, TypeError, OverflowError) as error:
        raise Irregular from error
    if not (np.abs(table) < _EXACT).all():
        raise Irregular
    return table


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
