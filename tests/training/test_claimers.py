"""Many workers at one queue, as processes: no job is taken twice, none is forgotten, and the oldest goes first."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from backend.database import db
from backend.settings import REPOSITORY, Settings
from backend.training.jobs import Wish, create_job
from backend.training.tables import Job
from tests.databases import EITHER
from tests.training.conftest import Transaction, add_dataset, open_storage, transactions

WORKERS, JOBS = 4, 300

pytestmark = pytest.mark.parametrize("database_url", EITHER, indirect=True)


@pytest.fixture
def transaction(migrated: Settings) -> Iterator[Transaction]:
    storages = open_storage(migrated)
    yield transactions(next(storages))
    next(storages, None)


def test_no_job_is_taken_twice(migrated: Settings, transaction: Transaction) -> None:
    with transaction():
        dataset = add_dataset(migrated)
        queued = [create_job("ada", dataset, Wish(target="label", model="flowers")).id for _ in range(JOBS)]
    names = [f"worker-{number}" for number in range(WORKERS)]
    environment = os.environ | {"SIGNET_DATABASE_URL": migrated.database_url, "PYTHONPATH": str(REPOSITORY)}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.claimer", str(migrated.home), name], cwd=REPOSITORY, env=environment
        )
        for name in names
    ]
    assert [process.wait(120) for process in running] == [0] * WORKERS
    taken = {name: (migrated.home / name).read_text("utf-8").split() for name in names}
    assert sorted(job for jobs in taken.values() for job in jobs) == sorted(queued)
    # Whoever came first may have had a head start; nobody went without.
    assert all(taken.values()), {name: len(jobs) for name, jobs in taken.items()}
    with transaction():
        ended = db.session.execute(select(Job.state, Job.claims, func.count()).group_by(Job.state, Job.claims)).all()
    assert [tuple(row) for row in ended] == [("succeeded", 1, JOBS)]
