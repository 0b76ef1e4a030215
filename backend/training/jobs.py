"""Wishes to train: what a person asks for comes in; a durable job that a worker will take goes out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, or_, select, update
from sqlalchemy.orm import undefer

from backend.algorithms.catalog import DEFAULT, get_algorithm
from backend.algorithms.signature import Task, Unknown
from backend.database import db, now
from backend.datasets.tables import Dataset
from backend.errors import Conflict, FieldProblem, Invalid, InvalidFields, NotFound
from backend.training.lease import is_abandoned
from backend.training.tables import FINISHED, Job

MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LARGEST_SEED = 2**31 - 1
_TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Wish:
    """What to train: `task` and `columns` are chosen by the training where they are left open.

    `unknown_categories` says what the model does with a category that training never saw: takes it as missing, or refuses it.
    """

    target: str
    model: str
    algorithm: str = DEFAULT
    task: Task | None = None
    columns: Sequence[str] | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    unknown_categories: Unknown = "missing"
    trace_parent: str | None = None


def create_job(actor: str, dataset: Dataset, wish: Wish) -> Job:
    """Queue a training; once the caller's transaction is committed, the job is done or says why not, whatever dies meanwhile.

    Raises InvalidFields or NotFound where the wish names what is not there.
    """
    problems = [*_wrong_names(wish), *_wrong_columns(wish, {column["name"] for column in dataset.columns})]
    if problems:
        raise InvalidFields(problems)
    _verify_algorithm(wish)
    job = Job(
        model=wish.model,
        dataset_id=dataset.id,
        target=wish.target,
        task=wish.task,
        algorithm=wish.algorithm,
        columns=None if wish.columns is None else list(wish.columns),
        hyperparameters=dict(wish.hyperparameters),
        seed=wish.seed,
        unknown_categories=wish.unknown_categories,
        trace_parent=wish.trace_parent,
        created_by=actor,
    )
    db.session.add(job)
    db.session.flush()
    return job


def list_jobs(*, model: str | None = None, limit: int = 100, offset: int = 0) -> list[Job]:
    """The newest jobs first."""
    wanted = select(Job).order_by(Job.created_at.desc(), Job.id).limit(limit).offset(offset)
    if model is not None:
        wanted = wanted.where(Job.model == model)
    return list(db.session.scalars(wanted))


def get_job(job_id: str) -> Job:
    job = db.session.get(Job, job_id)
    if job is None:
        raise NotFound(f"There is no job '{job_id[:64]}'.")
    return job


def get_plots(job_id: str) -> list[Any]:
    """The plots of a job as data (see `plots.py`); empty before its training has finished."""
    job = db.session.get(Job, job_id, options=[undefer(Job.plots)])
    if job is None:
        raise NotFound(f"There is no job '{job_id[:64]}'.")
    return job.plots


def cancel_job(job_id: str) -> Job:
    """End a job that waits at once, and one that runs within two seconds; Conflict where it has ended otherwise already."""
    job = get_job(job_id)
    mine = Job.id == job_id
    ended = {
        "state": "cancelled",
        "step": "cancelled",
        "finished_at": now(),
        "lease_owner": None,
        "lease_expires_at": None,
    }
    if not _change(ended, mine, or_(Job.state == "queued", is_abandoned())):
        _change({"cancel_requested_at": now()}, mine, Job.state == "running", Job.cancel_requested_at.is_(None))
    db.session.refresh(job)
    if job.state in FINISHED and job.state != "cancelled":
        raise Conflict(f"The job has {job.state} already.")
    return job


def live_jobs() -> set[str]:
    """Ids of the jobs that have not ended."""
    return set(db.session.scalars(select(Job.id).where(Job.state.not_in(FINISHED))))


def _change(values: Mapping[str, Any], *conditions: ColumnElement[bool]) -> int:
    statement = update(Job).where(*conditions).values(dict(values)).execution_options(synchronize_session=False)
    result = db.session.execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0


def _wrong_names(wish: Wish) -> list[FieldProblem]:
    problems = []
    if not MODEL_NAME.fullmatch(wish.model):
        rule = "takes 1 to 63 small letters, digits, '-' and '_', and begins with a letter or digit"
        problems.append(FieldProblem("model", rule))
    if wish.task is not None and wish.task not in _TASKS:
        problems.append(FieldProblem("task", f"is one of {', '.join(_TASKS)}"))
    if not 0 <= wish.seed <= _LARGEST_SEED:
        problems.append(FieldProblem("seed", f"is a whole number from 0 to {_LARGEST_SEED}"))
    return problems


def _wrong_columns(wish: Wish, known: set[str]) -> list[FieldProblem]:
    problems = []
    if wish.target not in known:
        problems.append(FieldProblem("target", f"names '{wish.target[:80]}', which is no column of the dataset"))
    named = wish.columns
    if named is None:
        return problems
    problems += [
        FieldProblem("columns", f"names '{n[:80]}', which is no column of the dataset") for n in named if n not in known
    ]
    if wish.target in named:
        problems.append(FieldProblem("columns", "names the target, which is what the model is to predict"))
    if not named or len(set(named)) != len(named):
        problems.append(FieldProblem("columns", "names at least one column, and each only once"))
    return problems


def _verify_algorithm(wish: Wish) -> None:
    """Raise where the algorithm is unknown, cannot do the task or does not take these hyperparameters."""
    kind = get_algorithm(wish.algorithm)
    tasks = [wish.task] if wish.task else sorted(kind.tasks)
    try:
        kind(task=tasks[0], seed=wish.seed, threads=1, **wish.hyperparameters)
    except TypeError as error:
        raise Invalid("The hyperparameters cannot be used under these names.", cause=repr(error)) from error
