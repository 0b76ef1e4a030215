"""JSON as RFC 8259 and I-JSON (RFC 7493) mean it: nothing is guessed, and no value is quietly changed."""

import json
import re
from typing import Any

import orjson

from backend.errors import Malformed
from backend.protocols.quick_json import Irregular, parse_quick

# A bare NaN where a number is expected; JSON has none, but every data tool writes it for "missing".
_NAN = "NaN"
_LONGEST_INTEGER = 400  # digits; float64 ends at 309, so what is longer is an attack on the conversion
# The escape of the one character that databases cannot keep; not where the backslash itself is escaped.
_NULL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json(data: bytes) -> Any:
    """The value of a UTF-8 JSON text; Malformed says what is wrong.

    Refused: duplicate keys, NaN and Infinity, numbers beyond float64, lone surrogates, U+0000, another encoding, a byte order mark, and
    nesting deeper than Python reads.
    """
    if _NULL.search(data):
        raise Malformed("The body holds the character U+0000, which no text here may have.")
    return _parse(data, _STRICT)


def parse_rows(data: bytes) -> Any:
    """As parse_json, for values that a model's encoder examines one by one afterwards, at twice the speed.

    A bare NaN is None: missing. A number beyond float64 comes out as infinity, which the encoder refuses by the name of its field.
    """
    try:
        return parse_quick(data)
    except Irregular:
        return _parse(data, _ROWS)


def write_json(value: object) -> bytes:
    """JSON that every reader takes; a number that is not finite has no form in it, and is a fault of ours."""
    try:
        return orjson.dumps(value)
    except TypeError:  # whole numbers beyond 64 bits
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _parse(data: bytes, decoder: json.JSONDecoder) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("The body is not UTF-8 text.") from error
    if text.startswith("\ufeff"):
        raise Malformed("The body begins with a byte order mark; send plain UTF-8.")
    try:
        value = decoder.decode(text)
        if "\\u" in text:
            _refuse_surrogates(value)
    except RecursionError as error:
        raise Malformed("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except ValueError as error:
        raise Malformed("A number in the body has too many digits.", cause=str(error)) from error
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        shown = twice[:100].encode("utf-8", "replace").decode()
        raise Malformed(f"The key '{shown}' appears twice in one object.")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        raise Malformed(f"A number of {len(digits)} digits is too long.")
    return int(digits)


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise Malformed(f"The number {text[:40]} is too large.")
    return value


def _refuse_constant(name: str) -> None:
    raise Malformed(f"{name} is not a JSON value.")


def _missing_constant(name: str) -> None:
    if name != _NAN:
        _refuse_constant(name)


def _refuse_surrogates(value: object) -> None:
    """An escape like \\ud800 alone is no character, and could be written to no UTF-8 file or database."""
    if _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise Malformed("The body has half of a surrogate pair, which is no character.")


_STRICT = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_number
)
# Without hooks for numbers the C code converts them, which is half of the time of a body of many rows.
_ROWS = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_missing_constant)
