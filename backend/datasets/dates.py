"""Dates and times from the forms that people and programs write."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from backend.datasets.forms import Form
from backend.datasets.kinds import STORED_AS, UTC_DATETIME

_PARTS = r"^([0-9]+)[/.-]([0-9]+)[/.-]([0-9]+)"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HALF_DAY_US = 12 * 3600 * 1_000_000
_YEAR_1_US, _YEAR_10000_US = -719_162 * 2 * _HALF_DAY_US, 2_932_897 * 2 * _HALF_DAY_US  # days from 1970


def parse_dates(values: pa.Array, form: Form) -> pa.Array:
    """Texts of one form as times (microseconds; UTC for the form with a zone); ArrowInvalid for a day that never was."""
    if form is Form.ISO_ZONED:
        times = pc.cast(values, UTC_DATETIME)
        if not is_in_calendar(times):
            raise pa.ArrowInvalid("a zone moves a date out of the calendar")
        return times
    if form is Form.ISO:
        return pc.cast(values, STORED_AS["datetime"])
    return _with_clock(_TO_ISO[form](values))


def first_impossible_date(values: pa.Array, form: Form) -> str | None:
    """The first text that has the form of a date and is none, such as 2023-02-30."""
    if _is_parsed(values, form):
        return None
    good, bad = 0, len(values)  # the first `good` are dates, the first `bad` are not all
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _is_parsed(values[:middle], form) else (good, middle)
    return str(values[good].as_py())


def is_in_calendar(times: pa.Array) -> bool:
    """Whether all times (microseconds) are in the years 1 to 9999."""
    ends = pc.min_max(pc.cast(times, pa.int64())).as_py()
    return ends["min"] is None or (ends["min"] >= _YEAR_1_US and ends["max"] < _YEAR_10000_US)


def _is_parsed(values: pa.Array, form: Form) -> bool:
    try:
        parse_dates(values, form)
    except pa.ArrowInvalid:
        return False
    return True


def _reordered(to: str) -> Callable[[pa.Array], pa.Array]:
    return lambda values: pc.replace_substring_regex(values, _PARTS, to)


def _named(pattern: str, to: str) -> Callable[[pa.Array], pa.Array]:
    def reorder(values: pa.Array) -> pa.Array:
        for number, name in enumerate(_MONTHS, start=1):
            values = pc.replace_substring_regex(values, rf"(?i)\b{name}[a-z]*\b\.?", f"{number:02}")
        return pc.replace_substring_regex(values, pattern, to)

    return reorder


_TO_ISO: dict[Form, Callable[[pa.Array], pa.Array]] = {
    Form.YEAR_FIRST: _reordered(r"\1-\2-\3"),
    Form.DAY_POINTS: _reordered(r"\3-\2-\1"),
    Form.DAY_FIRST: _reordered(r"\3-\2-\1"),
    Form.MONTH_FIRST: _reordered(r"\3-\1-\2"),
    Form.DAY_NAME: _named(r"^([0-9]+)[ -]([0-9]+)[ -]([0-9]+)", r"\3-\2-\1"),
    Form.NAME_DAY: _named(r"^([0-9]+) ([0-9]+),? ([0-9]+)", r"\3-\1-\2"),
}
DATE_FORMS = frozenset({*_TO_ISO, Form.ISO, Form.ISO_ZONED, Form.DAY_OR_MONTH})


def _with_clock(values: pa.Array) -> pa.Array:
    """Times from year-month-day texts whose parts may have one digit and whose clock may have twelve hours."""
    padded = pc.replace_substring_regex(values, r"\b([0-9])\b", r"0\1")
    hours_of_12 = pc.match_substring_regex(padded, "(?i)[ap]m$")
    if not hours_of_12.true_count:
        return pc.cast(padded, STORED_AS["datetime"])
    times = pc.cast(pc.replace_substring_regex(padded, "(?i) ?[ap]m$", ""), STORED_AS["datetime"])
    noon = pc.equal(pc.hour(times), 12)
    after_noon = pc.match_substring_regex(padded, "(?i)pm$")
    later = pc.and_(after_noon, pc.less(pc.hour(times), 12))
    earlier = pc.and_(pc.and_(hours_of_12, pc.invert(after_noon)), noon)
    shift = pc.subtract(pc.cast(later, pa.int64()), pc.cast(earlier, pa.int64()))
    return pc.cast(pc.add(pc.cast(times, pa.int64()), pc.multiply(shift, _HALF_DAY_US)), STORED_AS["datetime"])
