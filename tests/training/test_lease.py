"""Who has a job: on every database, and whatever the order in which workers and people act."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from backend.database import db, now
from backend.training import lease
from backend.training.jobs import cancel_job
from backend.training.lease import LeaseLost
from backend.training.tables import Job
from tests.training.conftest import Transaction, row


def queue(transaction: Transaction, jobs: int = 1) -> list[str]:
    """Jobs in the order in which they were queued."""
    with transaction():
        start = now() - timedelta(hours=1)
        rows = [
            Job(
                model="m",
                dataset_id="d",
                target="t",
                algorithm="xgboost",
                created_by="ada",
                queued_at=start + timedelta(seconds=i),
            )
            for i in range(jobs)
        ]
        db.session.add_all(rows)
        db.session.flush()
        return [job.id for job in rows]


def claim(transaction: Transaction, owner: str) -> str | None:
    with transaction():
        job = lease.claim(owner)
    return job.id if job else None


def let_expire(transaction: Transaction, job_id: str) -> None:
    with transaction():
        past = now() - timedelta(seconds=1)
        db.session.execute(update(Job).where(Job.id == job_id).values(lease_expires_at=past))


def renew(transaction: Transaction, job_id: str, owner: str, **more: Any) -> bool:
    with transaction():
        return lease.renew(job_id, owner, **{"step": "fitting", "progress": 0.5, **more})


def test_jobs_are_claimed_in_the_order_of_the_queue_and_once(any_database: Transaction) -> None:
    jobs = queue(any_database, 3)

    assert [claim(any_database, owner) for owner in "abcd"] == [*jobs, None]


def test_a_claimed_job_says_who_has_it(any_database: Transaction) -> None:
    (job_id,) = queue(any_database)
    claim(any_database, "a")

    job = row(any_database, job_id)

    assert (job.state, job.lease_owner, job.claims, job.attempts) == ("running", "a", 1, 0)
    assert job.started_at is not None
    assert job.lease_expires_at is not None
    assert timedelta() < job.lease_expires_at - now() <= lease.LEASE


def test_workers_that_claim_at_the_same_moment_never_share_a_job(any_database: Transaction) -> None:
    jobs = queue(any_database, 24)

    def work(owner: str) -> list[str]:
        taken = []
        while job_id := claim(any_database, owner):
            taken.append(job_id)
        return taken

    with ThreadPoolExecutor(6) as pool:
        taken = [job_id for each in pool.map(work, "abcdef") for job_id in each]

    assert sorted(taken) == sorted(jobs)


def test_the_job_of_a_silent_worker_is_claimed_again_before_newer_ones(any_database: Transaction) -> None:
    first, second = queue(any_database, 2)
    claim(any_database, "a")
    let_expire(any_database, first)

    assert [claim(any_database, "b"), claim(any_database, "b")] == [first, second]
    assert row(any_database, first).claims == 2
    with pytest.raises(LeaseLost):
        renew(any_database, first, "a")


def test_waiting_work_is_seen_without_writing(any_database: Transaction) -> None:
    def waiting() -> bool:
        with any_database():
            return lease.is_work_waiting()

    assert not waiting()
    (job_id,) = queue(any_database)
    assert waiting()
    claim(any_database, "a")
    assert not waiting()
    let_expire(any_database, job_id)
    assert waiting()


def test_a_renewal_shows_the_progress_and_holds_the_job(any_database: Transaction) -> None:
    (job_id,) = queue(any_database)
    claim(any_database, "a")
    let_expire(any_database, job_id)

    assert not renew(any_database, job_id, "a", step="fitting", progress=0.25)

    job = row(any_database, job_id)
    assert (job.step, job.progress) == ("fitting", 0.25)
    assert claim(any_database, "b") is None


def test_a_renewal_hears_of_a_cancellation(any_database: Transaction) -> None:
    (job_id,) = queue(any_database)
    claim(any_database, "a")
    with any_database():
        assert cancel_job(job_id).state == "running"

    assert renew(any_database, job_id, "a")


def test_a_released_job_keeps_its_place_and_a_postponed_one_goes_last(any_database: Transaction) -> None:
    first, second = queue(any_database, 2)
    claim(any_database, "a")
    with any_database():
        lease.release(first, "a")
    assert row(any_database, first).claims == 0
    assert claim(any_database, "a") == first
    with any_database():
        lease.postpone(first, "a")

    assert [claim(any_database, "a"), claim(any_database, "a")] == [second, first]


def test_a_job_that_is_given_back_after_a_cancellation_is_cancelled(any_database: Transaction) -> None:
    (job_id,) = queue(any_database)
    claim(any_database, "a")
    with any_database():
        cancel_job(job_id)
    with any_database():
        lease.release(job_id, "a")

    job = row(any_database, job_id)
    assert (job.state, job.lease_owner) == ("cancelled", None)
    assert job.finished_at is not None


def test_only_the_holder_ends_a_job_and_only_once(any_database: Transaction) -> None:
    (job_id,) = queue(any_database)
    claim(any_database, "a")

    with pytest.raises(LeaseLost), any_database():
        lease.finish(job_id, "b", "succeeded")
    with any_database():
        lease.finish(job_id, "a", "failed", error="the reason")
    with pytest.raises(LeaseLost), any_database():
        lease.finish(job_id, "a", "succeeded")

    job = row(any_database, job_id)
    assert (job.state, job.error, job.lease_owner) == ("failed", "the reason", None)


def test_crashes_are_counted_by_the_holder_alone(any_database: Transaction) -> None:
    (job_id,) = queue(any_database)
    claim(any_database, "a")

    with any_database():
        assert [lease.count_crash(job_id, "a") for _ in range(3)] == [1, 2, 3]
    with pytest.raises(LeaseLost), any_database():
        lease.count_crash(job_id, "b")
