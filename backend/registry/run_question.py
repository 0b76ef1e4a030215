"""What somebody wants to know of runs: plain choices come in; MLflow's language of filters and orders goes out."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

# MLflow's own rule for names of metrics and parameters; none of these characters ends a quoted name.
NAME_OF_METRIC = r"^[/\w.\- :]+$"
_STATUSES = {
    "queued": "SCHEDULED",
    "running": "RUNNING",
    "succeeded": "FINISHED",
    "failed": "FAILED",
    "cancelled": "KILLED",
}
# MLflow's reader of filters ends a text at these, and knows no way to escape them.
_UNQUOTABLE = re.compile(r"['\\]")


@dataclass(frozen=True)
class RunQuestion:
    """Which runs, and in which order; None is no wish.

    `experiment` and `dataset` are names; `at_least` and `at_most` bound `metric`, whose order is asked for by `by_metric`.
    """

    experiment: str | None = None
    dataset: str | None = None
    state: str | None = None
    metric: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    by_metric: str | None = None
    smallest_first: bool = False
    most: int = 100

    def filter(self) -> str:
        """All conditions; the experiment is no part of it, because MLflow asks for it by itself."""
        parts = []
        if self.dataset is not None:
            # `_` stands for any character: the runs of other tables that come along are taken out afterwards.
            pattern = _UNQUOTABLE.sub("_", self.dataset)
            parts.append(f"dataset.name {'=' if pattern == self.dataset else 'LIKE'} '{pattern}'")
        if self.state is not None:
            parts.append(f"attributes.status = '{_STATUSES[self.state]}'")
        parts += [
            # Written out: MLflow's reader takes no exponent with a plus.
            f"metrics.`{self.metric}` {sign} {Decimal(repr(bound)):f}"
            for sign, bound in ((">=", self.at_least), ("<=", self.at_most))
            if self.metric is not None and bound is not None
        ]
        return " and ".join(parts)

    def order(self) -> list[str]:
        """The metric that was asked for, and the newest first among equals."""
        newest = "attributes.start_time DESC"
        if self.by_metric is None:
            return [newest]
        return [f"metrics.`{self.by_metric}` {'ASC' if self.smallest_first else 'DESC'}", newest]

    def is_of_dataset(self, names: Collection[str]) -> bool:
        """Whether one of these is the dataset that was asked for, to the letter."""
        return self.dataset is None or self.dataset in names
