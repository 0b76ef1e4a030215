"""The tables of MLflow's own database as this release of it makes them, for rows that come from elsewhere."""

import mlflow.server.auth.db.utils as people
from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine_with_retry


def create_tables(url: str) -> None:
    """Make every table in an empty database: those of runs and models, and those of people."""
    engine = create_sqlalchemy_engine_with_retry(url)  # type: ignore[no-untyped-call]
    try:
        _initialize_tables(engine)  # type: ignore[no-untyped-call]
        people.migrate(engine, "head")
    finally:
        engine.dispose()
