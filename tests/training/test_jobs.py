"""Wishes to train: which become jobs, and how they are called off."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from backend.database import db, now
from backend.errors import Conflict, Invalid, InvalidFields, NotFound
from backend.settings import Settings
from backend.training import lease
from backend.training.jobs import Wish, cancel_job, create_job, get_job, get_plots, list_jobs, live_jobs
from backend.training.tables import Job
from tests.training.conftest import Transaction, add_dataset, add_job, row


def test_a_wish_becomes_a_queued_job(settings: Settings, transaction: Transaction) -> None:
    with transaction():
        job_id = add_job(settings, columns=("size",), seed=7)

    job = row(transaction, job_id)

    assert (job.state, job.model, job.target, job.seed, job.created_by) == ("queued", "flowers", "label", 7, "ada")
    assert job.columns == ["size"]
    assert (job.progress, job.step, job.metrics, job.warnings) == (0.0, "waiting", {}, [])


@pytest.mark.parametrize(
    ("wish", "field", "words"),
    [
        ({"target": "weight"}, "target", "no column of the dataset"),
        ({"model": "Flowers"}, "model", "small letters"),
        ({"model": "-x"}, "model", "begins with a letter or digit"),
        ({"model": "x" * 64}, "model", "1 to 63"),
        ({"model": "x\n"}, "model", "small letters"),
        ({"columns": ["size", "weight"]}, "columns", "'weight', which is no column"),
        ({"columns": ["size", "label"]}, "columns", "names the target"),
        ({"columns": []}, "columns", "at least one"),
        ({"columns": ["size", "size"]}, "columns", "each only once"),
        ({"seed": -1}, "seed", "0 to"),
        ({"task": "clustering"}, "task", "binary, multiclass, regression"),
        ({"hyperparameters": {"n_estimators": 0}}, "n_estimators", ""),
        ({"hyperparameters": {"trees": 5}}, "trees", ""),
    ],
)
def test_a_wish_that_names_what_is_not_there_is_refused_by_field(
    settings: Settings, transaction: Transaction, wish: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidFields) as refused, transaction():
        add_job(settings, **wish)

    assert [problem.field for problem in refused.value.problems] == [field]
    assert words in refused.value.problems[0].problem
    with transaction():
        assert list_jobs() == []


@pytest.mark.parametrize("hyperparameters", [{"seed": 3}, {"threads": 9}, {"task": "binary"}])
def test_hyperparameters_cannot_pass_for_something_else(
    settings: Settings, transaction: Transaction, hyperparameters: dict[str, Any]
) -> None:
    with pytest.raises(Invalid), transaction():
        add_job(settings, hyperparameters=hyperparameters)


def test_an_unknown_algorithm_is_not_found(settings: Settings, transaction: Transaction) -> None:
    with pytest.raises(NotFound, match="no algorithm 'magic'"), transaction():
        add_job(settings, algorithm="magic", hyperparameters={})


def test_jobs_are_listed_newest_first_and_by_model(settings: Settings, transaction: Transaction) -> None:
    with transaction():
        dataset = add_dataset(settings)
        made = [create_job("ada", dataset, Wish(target="label", model=model)).id for model in ("a", "b", "a")]
    with transaction():
        assert {job.id for job in list_jobs()} == set(made)
        assert [job.id for job in list_jobs(limit=1)] == made[-1:]
        assert [job.id for job in list_jobs(model="a")] == [made[2], made[0]]
        assert live_jobs() == set(made)


def test_an_unknown_job_is_not_found(transaction: Transaction) -> None:
    for ask in (get_job, get_plots, cancel_job):
        with pytest.raises(NotFound), transaction():
            ask("nothing")


def test_a_waiting_job_is_cancelled_at_once_and_twice_is_the_same(settings: Settings, transaction: Transaction) -> None:
    with transaction():
        job_id = add_job(settings)
    for _ in range(2):
        with transaction():
            assert cancel_job(job_id).state == "cancelled"
    with transaction():
        assert lease.claim("a") is None


def test_a_job_whose_worker_died_is_cancelled_at_once(settings: Settings, transaction: Transaction) -> None:
    with transaction():
        job_id = add_job(settings)
    with transaction():
        lease.claim("a")
        db.session.execute(update(Job).values(lease_expires_at=now() - timedelta(seconds=1)))
    with transaction():
        assert cancel_job(job_id).state == "cancelled"
    with pytest.raises(lease.LeaseLost), transaction():
        lease.renew(job_id, "a", step="x", progress=0)


def test_a_job_that_has_ended_cannot_be_cancelled(settings: Settings, transaction: Transaction) -> None:
    with transaction():
        job_id = add_job(settings)
    with transaction():
        lease.claim("a")
    with transaction():
        lease.finish(job_id, "a", "succeeded", plots=[{"name": "roc"}])
    with pytest.raises(Conflict, match="has succeeded already"), transaction():
        cancel_job(job_id)
    with transaction():
        assert get_plots(job_id) == [{"name": "roc"}]
        assert live_jobs() == set()
