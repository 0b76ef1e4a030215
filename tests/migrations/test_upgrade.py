"""The schema history gives exactly the tables of the code, on both databases, up and down, once."""

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from backend.migrations.tables import METADATA
from backend.migrations.upgrade import downgrade, upgrade
from backend.settings import Settings


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    return Settings(home=tmp_path, database_url=url)


def test_the_history_leads_to_the_tables_of_the_code(database: Settings) -> None:
    upgrade(database)
    engine = create_engine(database.database)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()
    assert differences == []


def test_the_history_goes_down_to_nothing_and_up_again(database: Settings) -> None:
    upgrade(database)
    downgrade(database, "base")
    engine = create_engine(database.database)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    upgrade(database)
    assert set(METADATA.tables) <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_many_who_start_at_once_migrate_once(database: Settings) -> None:
    faults: list[BaseException] = []

    def start() -> None:
        try:
            upgrade(database)
        except BaseException as fault:
            faults.append(fault)

    starters = [threading.Thread(target=start) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert faults == []
