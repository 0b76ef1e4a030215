"""The row of a training job: what was asked, how far it is, who works on it, how it ended."""

from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import JSON, CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.algorithms.signature import Unknown
from backend.database import Table, new_id, now

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
FINISHED: tuple[State, ...] = ("succeeded", "failed", "cancelled")


class Job(Table):
    """One wish to train; the row itself is the queue, and a worker holds it by a lease."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index("ix_jobs_state_queued_at", "state", "queued_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    state: Mapped[State] = mapped_column(String(16), default="queued")
    model: Mapped[str] = mapped_column(String(63), index=True)
    dataset_id: Mapped[str] = mapped_column(String(36), index=True)
    target: Mapped[str]
    task: Mapped[str | None] = mapped_column(String(16))
    algorithm: Mapped[str] = mapped_column(String(63))
    columns: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    hyperparameters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    seed: Mapped[int] = mapped_column(default=0)
    unknown_categories: Mapped[Unknown] = mapped_column(String(8), default="missing", server_default="missing")

    progress: Mapped[float] = mapped_column(default=0.0)
    step: Mapped[str] = mapped_column(String(32), default="waiting")
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    warnings: Mapped[list[Any]] = mapped_column(default=list)
    # Read only where a page draws them: a list of jobs does not carry them along.
    plots: Mapped[list[Any]] = mapped_column(default=list, deferred=True)
    error: Mapped[str | None] = mapped_column(Text)
    run_id: Mapped[str | None] = mapped_column(String(64))
    model_version: Mapped[str | None] = mapped_column(String(16))

    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    queued_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]

    # The request that asked for the job, for whoever follows traces (W3C Trace Context).
    trace_parent: Mapped[str | None] = mapped_column(String(55))

    lease_owner: Mapped[str | None] = mapped_column(String(128))
    lease_expires_at: Mapped[datetime | None]
    # Claims that no worker gave back: how often a worker died with the job.
    claims: Mapped[int] = mapped_column(default=0)
    # How often the training process itself crashed.
    attempts: Mapped[int] = mapped_column(default=0)
