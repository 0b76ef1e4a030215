"""Texts become values: one column of a block at a time."""

import pyarrow as pa
import pyarrow.compute as pc

from backend.datasets.dates import parse_dates
from backend.datasets.decide import Conversion
from backend.datasets.forms import PATTERNS, Form, is_missing
from backend.datasets.kinds import STORED_AS, UTC_DATETIME

_DASH = f"^(?:{dict(PATTERNS)[Form.DASH]})$"
_NOTHING = pa.scalar(None, pa.string())


def stored_type(conversion: Conversion) -> pa.DataType:
    """The Parquet type of the column that the conversion gives."""
    return UTC_DATETIME if conversion.date is Form.ISO_ZONED else STORED_AS[conversion.kind]


def convert(values: pa.Array, conversion: Conversion) -> pa.Array:
    """The values of trimmed texts, missing ones null; ArrowInvalid for a text that the evidence did not show."""
    missing = is_missing(values)
    if conversion.kind != "text":
        missing = pc.or_(missing, pc.match_substring_regex(values, _DASH))
    if missing.true_count:
        values = pc.if_else(missing, _NOTHING, values)
    if conversion.kind == "text":
        return values
    if conversion.kind == "boolean":
        return pc.equal(pc.utf8_lower(values), "true")
    if conversion.date is not None:
        return parse_dates(values, conversion.date)
    return _numbers(values, conversion)


def _numbers(values: pa.Array, conversion: Conversion) -> pa.Array:
    if conversion.kind == "integer":
        return pc.cast(pc.utf8_ltrim(values, "+"), pa.int64())
    if conversion.grouping:
        values = pc.replace_substring(values, conversion.grouping, "")
    if conversion.decimal != ".":
        values = pc.replace_substring(values, conversion.decimal, ".")
    return pc.cast(values, pa.float64())
