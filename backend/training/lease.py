"""Who works on a job: a worker's name comes in; the job is its own for some seconds, or LeaseLost is raised.

Each act is one UPDATE whose condition says what must still be true, so that two workers, a person who cancels and a worker that
was thought dead can never both have their way. The caller commits.
"""

from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, DateTime, and_, case, func, literal, or_, select, update
from sqlalchemy.engine import CursorResult

from backend.database import UtcDateTime, db, now
from backend.training.tables import Job

LEASE = timedelta(seconds=6)


class LeaseLost(Exception):
    """The job is no longer this worker's: another has it, or it was cancelled."""


def is_work_waiting() -> bool:
    """Whether a claim would find a job; reads only, so that an idle worker never takes the write lock."""
    return db.session.scalar(select(Job.id).where(_claimable()).limit(1)) is not None


def claim(owner: str) -> Job | None:
    """The longest waiting job, or one whose worker fell silent; None where there is none.

    The row is detached: a picture of the job at this moment.
    """
    # PostgreSQL steps over rows that another worker is claiming at this moment; SQLite has one writer at a time anyway.
    oldest = (
        select(Job.id)
        .where(_claimable())
        .order_by(Job.queued_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = (
        update(Job)
        .where(Job.id == oldest, _claimable())
        .values(
            state="running",
            lease_owner=owner,
            lease_expires_at=_clock(LEASE),
            claims=Job.claims + 1,
            started_at=func.coalesce(Job.started_at, now()),
        )
        .returning(Job)
        .execution_options(synchronize_session=False)
    )
    job = db.session.scalars(taken).first()
    if job is not None:
        db.session.flush()
        db.session.expunge(job)
    return job


def renew(job_id: str, owner: str, *, step: str, progress: float) -> bool:
    """Hold the job for another term and say how far it is; true where a person has asked to cancel it."""
    values = {"lease_expires_at": _clock(LEASE), "step": step, "progress": progress}
    renewed = (
        update(Job)
        .where(_held(job_id, owner))
        .values(values)
        .returning(Job.cancel_requested_at)
        .execution_options(synchronize_session=False)
    )
    row = db.session.execute(renewed).one_or_none()
    if row is None:
        raise LeaseLost
    return row.cancel_requested_at is not None


def release(job_id: str, owner: str) -> None:
    """Give the job back in its old place: this worker stops, and did not die of it."""
    _give_back(job_id, owner, {})


def postpone(job_id: str, owner: str) -> None:
    """Give the job back behind all others: what it waits for is away, and they need not wait with it."""
    _give_back(job_id, owner, {"queued_at": now()})


def count_crash(job_id: str, owner: str) -> int:
    """One more crash of the training process; how many there are now."""
    counted = (
        update(Job)
        .where(_held(job_id, owner))
        .values(attempts=Job.attempts + 1)
        .returning(Job.attempts)
        .execution_options(synchronize_session=False)
    )
    attempts = db.session.scalar(counted)
    if attempts is None:
        raise LeaseLost
    return attempts


def keep(job_id: str, owner: str, **values: Any) -> None:
    """Write something that was achieved into a job that is still this worker's."""
    _update(job_id, owner, values)


def finish(job_id: str, owner: str, state: Literal["succeeded", "failed", "cancelled"], **values: Any) -> None:
    """End the job."""
    _update(job_id, owner, {**values, "state": state, "finished_at": now(), **_FREE})


_FREE: dict[str, Any] = {"lease_owner": None, "lease_expires_at": None}


def _give_back(job_id: str, owner: str, values: dict[str, Any]) -> None:
    asked = Job.cancel_requested_at.is_not(None)
    ended = {
        "state": case((asked, "cancelled"), else_="queued"),
        "finished_at": case((asked, literal(now(), UtcDateTime())), else_=None),
        "step": case((asked, "cancelled"), else_="waiting"),
        "claims": Job.claims - 1,
    }
    _update(job_id, owner, {**values, **ended, **_FREE})


def _update(job_id: str, owner: str, values: dict[str, Any]) -> None:
    statement = update(Job).where(_held(job_id, owner)).values(values)
    done = db.session.execute(statement.execution_options(synchronize_session=False))
    if cast("CursorResult[Any]", done).rowcount != 1:
        raise LeaseLost


def _held(job_id: str, owner: str) -> ColumnElement[bool]:
    """A late renewal is good as long as nobody else has claimed the job meanwhile."""
    return and_(Job.id == job_id, Job.state == "running", Job.lease_owner == owner)


def _claimable() -> ColumnElement[bool]:
    return or_(Job.state == "queued", is_abandoned())


def is_abandoned() -> ColumnElement[bool]:
    """The condition of a job whose worker fell silent."""
    return and_(Job.state == "running", Job.lease_expires_at < _clock())


def _clock(after: timedelta = timedelta()) -> ColumnElement[datetime]:
    """The database's own time where it has one, so that workers need not agree on theirs; SQLite is on this machine."""
    if db.engine.dialect.name == "postgresql":
        moment = func.clock_timestamp(type_=DateTime(timezone=True))
        return moment + after
    return literal(now() + after, UtcDateTime())
