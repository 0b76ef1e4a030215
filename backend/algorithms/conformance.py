"""Whether an algorithm keeps the contract: a class comes in, one named result for each demand goes out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import get_args

from backend.algorithms import class_checks, contribution_checks, task_checks
from backend.algorithms.contract import Algorithm
from backend.algorithms.signature import Task
from backend.algorithms.trial import Trial
from backend.algorithms.verdict import NotConforming
from backend.errors import SignetError

CLASS_CHECKS: tuple[Callable[[type[Algorithm]], None], ...] = (
    class_checks.declares_itself,
    class_checks.has_valid_schema,
    class_checks.keeps_hyperparameters,
    class_checks.refuses_what_it_does_not_know,
)
TASK_CHECKS: tuple[Callable[[Trial], None], ...] = (
    task_checks.fits_and_predicts,
    task_checks.learns,
    task_checks.gives_probabilities,
    task_checks.gives_importances,
    contribution_checks.gives_contributions,
    task_checks.is_reproducible,
    task_checks.saves_and_loads,
    task_checks.leaves_its_input_alone,
    task_checks.heeds_the_watch,
    task_checks.predicts_from_threads,
    task_checks.predicts_row_by_row,
    task_checks.compiles_alike,
)


@dataclass(frozen=True)
class CheckResult:
    """One demand of the contract: its name, whether it is met, and if not, why."""

    name: str
    passed: bool
    reason: str = ""


def check(algorithm: type[Algorithm]) -> list[CheckResult]:
    """Try the algorithm on small seeded data for each task that it names; takes seconds."""
    results = [_result(_title(one), partial(one, algorithm)) for one in CLASS_CHECKS]
    for task in [task for task in get_args(Task) if task in getattr(algorithm, "tasks", ())]:
        trial = Trial(algorithm, task)
        results += [_result(f"{_title(one)} ({task})", partial(one, trial)) for one in TASK_CHECKS]
    return results


def _title(one: Callable[..., None]) -> str:
    return one.__name__.replace("_", " ")


def _result(name: str, act: Callable[[], None]) -> CheckResult:
    try:
        act()
    except NotConforming as reason:
        return CheckResult(name, passed=False, reason=str(reason))
    except SignetError as error:
        return CheckResult(name, passed=False, reason=error.detail)
    except Exception as error:  # whatever a stranger's code raises is a result here
        return CheckResult(name, passed=False, reason=f"{type(error).__name__}: {error}")
    return CheckResult(name, passed=True)
