"""How one value can be written: the form of every text, told by patterns that a whole block is matched against."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc


class Form(StrEnum):
    """The ways to write a value; each text has exactly one, in the order of PATTERNS."""

    INTEGER = "integer"  # 12, -7
    IDENTIFIER = "identifier"  # 007, more than 15 digits, +491701234567: a number would lose digits
    POINT_GROUP = "point_group"  # 1.234: a decimal, or thousands?
    DECIMAL = "decimal"  # 0.5, 12.75, 1e-7
    COMMA_GROUP = "comma_group"  # 1,234: thousands, or a decimal?
    DECIMAL_COMMA = "decimal_comma"  # 0,5
    GROUPED_BY_COMMA = "grouped_by_comma"  # 1,234,567 or 1,234.5
    GROUPED_BY_POINT = "grouped_by_point"  # 1.234.567 or 1.234,5
    INFINITE = "infinite"
    BOOLEAN = "boolean"  # true, false; yes and no stay words, 0 and 1 numbers
    ISO = "iso"  # 2024-05-31, 2024-05-31T12:00:00.25
    ISO_ZONED = "iso_zoned"  # 2024-05-31T12:00:00Z, ...+02:00
    YEAR_FIRST = "year_first"  # 2024/5/31
    DAY_POINTS = "day_points"  # 31.5.2024
    DAY_FIRST = "day_first"  # 31/5/2024, 31-05-2024
    MONTH_FIRST = "month_first"  # 5/31/2024
    DAY_OR_MONTH = "day_or_month"  # 5/6/2024
    DAY_NAME = "day_name"  # 31 May 2024
    NAME_DAY = "name_day"  # May 31, 2024
    DASH = "dash"  # -, n.a., #DIV/0!: missing among numbers and dates, a value among words
    TEXT = "text"


_WHOLE = "(?:0|[1-9][0-9]{0,14})"
_POWER = "(?:[eE][+-]?[0-9]{1,3})?"
_Y, _D, _M = "[12][0-9]{3}", "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])"
_ISO_YEAR = "(?:[1-9][0-9]{3}|0(?:[1-9][0-9]{2}|0(?:[1-9][0-9]|0[1-9])))"
_ISO_DAY = f"{_ISO_YEAR}-[0-9]{{2}}-[0-9]{{2}}"
_ISO_TIME = r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_CLOCK = "(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?: ?[AaPp][Mm])?)?"
_NAME = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec|january|february|march|april|june|july|august|september|october|november|december)"

# The first that matches wins.
PATTERNS: tuple[tuple[Form, str], ...] = (
    (Form.INTEGER, r"0|-?[1-9][0-9]{0,14}|\+[1-9][0-9]{0,5}"),
    (Form.IDENTIFIER, r"[+-]?0[0-9]+|-?[1-9][0-9]{15,}|\+[1-9][0-9]{6,}"),
    (Form.POINT_GROUP, r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}"),
    (Form.DECIMAL, rf"[+-]?(?:{_WHOLE}(?:\.[0-9]*)?|[1-9][0-9]{{15}}\.[0-9]*|\.[0-9]+){_POWER}"),
    (Form.COMMA_GROUP, "[+-]?[1-9][0-9]{0,2},[0-9]{3}"),
    (Form.DECIMAL_COMMA, f"[+-]?(?:{_WHOLE},[0-9]+|,[0-9]+){_POWER}"),
    (Form.GROUPED_BY_COMMA, r"[+-]?[1-9][0-9]{0,2}(?:(?:,[0-9]{3}){2,4}(?:\.[0-9]*)?|,[0-9]{3}\.[0-9]*)"),
    (Form.GROUPED_BY_POINT, r"[+-]?[1-9][0-9]{0,2}(?:(?:\.[0-9]{3}){2,4}(?:,[0-9]*)?|\.[0-9]{3},[0-9]*)"),
    (Form.INFINITE, "[+-]?(?i:inf|infinity)"),
    (Form.BOOLEAN, "(?i:true|false)"),
    (Form.ISO, f"{_ISO_DAY}(?:{_ISO_TIME})?"),
    (Form.ISO_ZONED, f"{_ISO_DAY}{_ISO_TIME}(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)"),
    (Form.YEAR_FIRST, f"{_Y}/{_M}/{_D}{_CLOCK}"),
    (Form.DAY_POINTS, rf"{_D}\.{_M}\.{_Y}{_CLOCK}"),
    (Form.DAY_OR_MONTH, f"{_M}([/-]){_M}[/-]{_Y}{_CLOCK}"),
    (Form.DAY_FIRST, f"{_D}[/-]{_M}[/-]{_Y}{_CLOCK}"),
    (Form.MONTH_FIRST, f"{_M}[/-]{_D}[/-]{_Y}{_CLOCK}"),
    (Form.DAY_NAME, rf"{_D}[ -]{_NAME}\.?[ -]{_Y}{_CLOCK}"),
    (Form.NAME_DAY, rf"{_NAME}\.? {_D},? {_Y}{_CLOCK}"),
    (Form.DASH, r"-{1,3}|[\x{2013}\x{2014}]|\.{1,2}|(?i:n\.a\.?|#div/0!|#value!|#ref!|#num!|#name\?)"),
)
_ANCHORED = tuple((form, f"^(?:{pattern})$") for form, pattern in PATTERNS)


def _every_case(word: str) -> set[str]:
    return {"".join(letters) for letters in product(*({letter.lower(), letter.upper()} for letter in word))}


MISSING_WORDS = ("?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "nat", "null", "(null)", "#null!", "none", "\\N")
MISSING = pa.array(sorted({"", *(text for word in MISSING_WORDS for text in _every_case(word))}), pa.string())


def is_missing(values: pa.Array) -> pa.Array:
    """Which texts mean that there is no value, whatever the column."""
    return pc.is_in(values, value_set=MISSING)


def sort_by_form(values: pa.Array) -> Iterator[tuple[Form, pa.Array]]:
    """The texts, none of them missing, in groups of one form, the order kept within a group."""
    for form, pattern in _ANCHORED:
        if len(values) == 0:
            return
        matches = pc.match_substring_regex(values, pattern)
        count = matches.true_count
        if count == len(values):
            yield form, values
            return
        if count:
            yield form, values.filter(matches)
            values = values.filter(pc.invert(matches))
    if len(values):
        yield Form.TEXT, values


def forms_of(texts: Iterable[str]) -> dict[str, Form]:
    """The form of each text that is not missing."""
    values = pa.array(set(texts), pa.string())
    present = values.filter(pc.invert(is_missing(values)))
    return {text: form for form, group in sort_by_form(present) for text in group.to_pylist()}
