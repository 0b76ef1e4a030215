"""One JSON value becomes numbers: a value of a column comes in, its matrix cells go out, or Unfit says why not."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from backend.algorithms.signature import LARGEST_INTEGER, Column, expand

Encode = Callable[[Any], tuple[float, ...]]

_NAN = float("nan")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unfit(Exception):
    """One value that its column does not take; the text says why without repeating it."""


def value_encoder(column: Column) -> Encode:
    """The function that turns a value of this column into its cells; Unfit tells a value that the column does not take."""
    if column.kind == "category":
        return _category(column)
    convert = _CONVERTERS[column.kind]
    missing = (_NAN,) * len(expand([column]))
    may_miss = column.missing

    def encode(value: Any) -> tuple[float, ...]:
        if value is None or (type(value) is float and value != value):  # noqa: PLR0124 - NaN alone differs from itself
            if may_miss:
                return missing
            raise Unfit(_NOT_MISSING)
        return convert(value)

    return encode


def _category(column: Column) -> Encode:
    codes = {name: (float(code),) for code, name in enumerate(column.categories)}
    unknown = (_NAN,)
    may_miss = column.missing
    refuses = column.unknown == "refuse"

    def encode(value: Any) -> tuple[float, ...]:
        if type(value) is str:
            if refuses and value not in codes:
                raise Unfit(UNKNOWN_CATEGORY)
            return codes.get(value, unknown)
        if value is None or (type(value) is float and value != value):  # noqa: PLR0124 - NaN alone differs from itself
            if may_miss:
                return unknown
            raise Unfit(_NOT_MISSING)
        raise Unfit("is not text, and this is a category")

    return encode


def _number(value: Any) -> tuple[float, ...]:
    if type(value) is float:
        if value - value == 0.0:  # neither infinity: cheaper than math.isfinite
            return (value,)
        raise Unfit("is not a finite number")
    if type(value) is int:
        return _whole(value)
    raise Unfit("is not a number")


def _integer(value: Any) -> tuple[float, ...]:
    if type(value) is int:
        return _whole(value)
    if type(value) is float and value.is_integer():
        return _whole(int(value))
    raise Unfit("is not a whole number")


def _whole(value: int) -> tuple[float, ...]:
    if -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        return (float(value),)
    raise Unfit("is a whole number beyond 2**53, which cannot be kept exactly")


def _boolean(value: Any) -> tuple[float, ...]:
    if type(value) is bool:
        return (float(value),)
    raise Unfit("is neither true nor false")


def _datetime(value: Any) -> tuple[float, ...]:
    if type(value) is not str:
        raise Unfit(_NOT_A_TIME)
    try:
        parsed = datetime.fromisoformat(value)
        moment = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit(_NOT_A_TIME) from None
    since = moment - _EPOCH
    seconds = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) / 1e6
    parts = (moment.year, moment.month, moment.day, moment.weekday(), moment.hour, seconds)
    return tuple(map(float, parts))


UNKNOWN_CATEGORY = "is none of the categories that training saw"
_NOT_MISSING = "is missing (null), and training saw no missing value here"
_NOT_A_TIME = "is not a date or time in ISO 8601, such as 2026-01-31T12:00:00Z"
_CONVERTERS: Mapping[str, Encode] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "datetime": _datetime,
}
