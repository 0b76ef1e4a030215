"""Whether a caller who is known may go through at this moment: its models, its rate, its quota."""

from backend.api.gate import gate
from backend.identity.allowances import DAY, MINUTE, Period
from backend.identity.principal import Principal


def admit(caller: Principal, model: str | None, *, predicts: bool) -> None:
    """NotAllowed for a model that is not the caller's, TooManyRequests where its allowance is used up; people have no limit.

    A refused model costs nothing; a request that is let in counts, whatever becomes of it.
    """
    if model is not None:
        caller.verify_may_use(model)
    for period, most in limits_of(caller, predicts=predicts):
        gate().allowances.spend(caller.id, period, most)


def limits_of(caller: Principal, *, predicts: bool) -> list[tuple[Period, int]]:
    """Of which periods a request takes from the caller's allowance, and how much that is at most."""
    daily = caller.daily_quota if predicts else None
    if caller.rate_per_minute is None and daily is None:
        return []
    limits = [(MINUTE, caller.rate_per_minute), (DAY, daily)]
    return [(period, most) for period, most in limits if most is not None]
