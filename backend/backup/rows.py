"""Rows of an archive put into an empty PostgreSQL database, all of them in one transaction."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, inspect
from sqlalchemy.exc import OperationalError

from backend.backup.databases import Database
from backend.backup.entries import BLOCK
from backend.errors import Conflict, Invalid, NotReady
from backend.migrations.upgrade import upgrade
from backend.settings import Settings


def verify_no_tables(database: Database) -> None:
    """Conflict where the database holds anything; NotReady where it does not answer."""
    engine = create_engine(database.url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            if inspect(connection).get_table_names():
                raise Conflict(
                    f"The database '{database.url.database}' is not empty. A backup is restored into an empty one: "
                    "drop and create it, or name another."
                )
    except OperationalError as error:
        raise NotReady(f"The database '{database.name}' does not answer.", cause=str(error)) from error
    finally:
        engine.dispose()


def load_rows(settings: Settings, database: Database, folder: Path, revisions: Mapping[str, Sequence[str]]) -> None:
    """Make the tables as they were at `revisions` and fill each from the file of its name in `folder`.

    Raises Invalid where this release cannot make them so.
    """
    if database.name == "signet":
        upgrade(settings, revisions["alembic_version"][0])
    else:
        # Imported only here: MLflow takes seconds, and only this needs it.
        schema = importlib.import_module("backend.registry.mlflow_schema")
        schema.create_tables(database.url.render_as_string(hide_password=False))
    engine = create_engine(database.url, hide_parameters=True)
    try:
        with engine.begin() as connection:
            _verify_revisions(connection, revisions)
            _fill(connection, folder)
    finally:
        engine.dispose()


def _verify_revisions(connection: Connection, revisions: Mapping[str, Sequence[str]]) -> None:
    for table, archived in revisions.items():
        made = sorted(connection.exec_driver_sql(f"SELECT version_num FROM {table}").scalars())  # noqa: S608
        if made != list(archived):
            raise Invalid(
                "The archive was made by a release with another MLflow. Restore it with that release, then update.",
                cause=f"{table}: {archived} archived, {made} made",
            )


def _fill(connection: Connection, folder: Path) -> None:
    metadata = MetaData()
    metadata.reflect(connection)
    tables = [table for table in metadata.sorted_tables if not table.name.startswith("alembic_version")]
    quote = connection.dialect.identifier_preparer.quote
    guarded = [quote(table.name) for table in tables]
    for name in guarded:  # what refuses changes of history, and rows that making the tables put there
        connection.exec_driver_sql(f"ALTER TABLE {name} DISABLE TRIGGER USER")
    for name in reversed(guarded):
        connection.exec_driver_sql(f"DELETE FROM {name}")  # noqa: S608
    for table in tables:
        if (folder / table.name).exists():
            _copy(connection, quote(table.name), folder / table.name)
    for name in guarded:
        connection.exec_driver_sql(f"ALTER TABLE {name} ENABLE TRIGGER USER")
    for table in tables:
        _advance_sequences(connection, table.name, [column.name for column in table.columns])


def _copy(connection: Connection, table: str, path: Path) -> None:
    driver: Any = connection.connection.driver_connection
    with path.open("rb") as file:
        columns = file.readline().decode().strip()
        with driver.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as rows:
            while block := file.read(BLOCK):
                rows.write(block)


def _advance_sequences(connection: Connection, table: str, columns: Sequence[str]) -> None:
    """Numbers that the database gives out go on after the highest that is there."""
    quote = connection.dialect.identifier_preparer.quote
    for column in columns:
        query = "SELECT pg_get_serial_sequence(%s, %s)"
        sequence = connection.exec_driver_sql(query, (quote(table), column)).scalar()
        if sequence:
            highest = f"SELECT setval(%s, coalesce(max({quote(column)}), 1), max({quote(column)}) IS NOT NULL) FROM {quote(table)}"  # noqa: S608
            connection.exec_driver_sql(highest, (sequence,))
