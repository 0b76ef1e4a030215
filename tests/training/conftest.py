"""What tests of training share: a database, jobs in it, and data to learn from."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask import Flask

from backend.database import db
from backend.datasets.contents import dataset_path
from backend.datasets.tables import Dataset
from backend.migrations.upgrade import upgrade
from backend.settings import Settings
from backend.storage import create_storage
from backend.training.jobs import Wish, create_job
from backend.training.spec import Spec
from backend.training.tables import Job

Transaction = Callable[[], AbstractContextManager[None]]
KINDS = {"size": "number", "colour": "category", "label": "category"}


def flowers(rows: int = 200) -> pa.Table:
    """Something that can be learnt: `label` from `size` and `colour`."""
    random = np.random.default_rng(11)
    size = random.normal(size=rows)
    colour = random.choice(["red", "green"], size=rows)
    label = np.where(size + (colour == "red") + random.normal(scale=0.5, size=rows) > 0.5, "yes", "no")
    return pa.table({"size": size, "colour": colour, "label": label})


@pytest.fixture
def storage(settings: Settings) -> Iterator[Flask]:
    """A fresh database that nothing else knows."""
    yield from open_storage(settings)


def open_storage(settings: Settings) -> Iterator[Flask]:
    upgrade(settings)
    app = create_storage(settings)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def transaction(storage: Flask) -> Transaction:
    """A session of its own, as another process would have it; committed unless an error leaves it."""
    return transactions(storage)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Transaction]:
    """`transaction` on each database that the platform runs on."""
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else ""
    storage = open_storage(settings.model_copy(update={"database_url": url}))
    yield transactions(next(storage))
    next(storage, None)


def transactions(app: Flask) -> Transaction:
    @contextmanager
    def transaction() -> Iterator[None]:
        with app.app_context():
            yield
            db.session.commit()

    return transaction


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """A training that takes a moment."""
    return make_spec(tmp_path)


def make_spec(folder: Path) -> Spec:
    path = folder / "flowers.parquet"
    pq.write_table(flowers(), path)
    few = {"n_estimators": 20}
    return Spec("job", str(path), KINDS, target="label", algorithm="xgboost", hyperparameters=few, memory_mb=2048)


def add_dataset(settings: Settings, table: pa.Table | None = None) -> Dataset:
    """A dataset as an upload leaves it."""
    table = flowers() if table is None else table
    dataset = Dataset(
        name="flowers",
        created_by="ada",
        rows=table.num_rows,
        columns=[{"name": name, "type": KINDS[name]} for name in table.column_names],
        sha256="0" * 64,
        bytes=1,
        source_format="csv",
        options={},
        warnings=[],
    )
    db.session.add(dataset)
    db.session.flush()
    path = dataset_path(settings, dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return dataset


def add_job(settings: Settings, **wish: Any) -> str:
    """A queued job over a dataset of its own; its id."""
    chosen = {"target": "label", "model": "flowers", "hyperparameters": {"n_estimators": 20}, **wish}
    return create_job("ada", add_dataset(settings), Wish(**chosen)).id


def row(transaction: Transaction, job_id: str) -> Job:
    """The job as it is now."""
    with transaction():
        job = db.session.get_one(Job, job_id)
        db.session.expunge(job)
        return job
