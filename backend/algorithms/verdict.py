"""How a conformance check says no."""

from collections.abc import Callable

from backend.errors import Invalid


class NotConforming(Exception):
    """The algorithm breaks the contract in the way that the text says."""


def require(condition: object, reason: str) -> None:
    """Raise NotConforming with the reason unless the condition holds."""
    if not condition:
        raise NotConforming(reason)


def require_invalid(act: Callable[[], object], what: str) -> None:
    """Raise NotConforming unless the act is refused with errors.Invalid."""
    try:
        act()
    except Invalid:
        return
    raise NotConforming(f"it does not refuse {what} with errors.Invalid")
