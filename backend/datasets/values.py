"""Values as JSON has them."""

from datetime import datetime
from math import isfinite
from typing import Any

LONGEST = 200


def as_json(value: Any) -> Any:
    """The value, times as ISO 8601; None for what is missing or not finite."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        return None
    return value


def shortened(value: Any) -> Any:
    """The value as JSON has it, a long text cut."""
    if isinstance(value, str) and len(value) > LONGEST:
        return value[: LONGEST - 3] + "..."
    return as_json(value)
