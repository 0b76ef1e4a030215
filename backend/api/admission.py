"""Whether a caller who is known may go through at this moment: its models, its rate, its quota."""

from backend.api.gate import gate
from backend.identity.allowances import DAY, MINUTE
from backend.identity.principal import Principal


def admit(caller: Principal, model: str | None, *, predicts: bool) -> None:
    """NotAllowed for a model that is not the caller's, TooManyRequests where its allowance is used up; people have no limit.

    A refused model costs nothing; a request that is let in counts, whatever becomes of it.
    """
    if model is not None:
        caller.verify_may_use(model)
    if caller.rate_per_minute is not None:
        gate().allowances.spend(caller.id, MINUTE, caller.rate_per_minute)
    if predicts and caller.daily_quota is not None:
        gate().allowances.spend(caller.id, DAY, caller.daily_quota)
