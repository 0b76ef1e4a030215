"""One moment of a database, held while everybody else goes on writing, and put into an archive from there.

SQLite: a read transaction over the write-ahead log, copied by its online backup. PostgreSQL: a REPEATABLE READ transaction, copied by COPY.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from backend.backup.databases import Database
from backend.backup.entries import Writing
from backend.errors import NotReady


class Snapshot:
    """A database as it was when this was made; `connection` sees that moment."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self.database, self.connection = database, connection

    def write(self, archive: Writing, scratch: Path) -> None:
        """Add it to the archive; `scratch` is a folder with as much room as an SQLite database takes."""
        if self.database.file is None:
            for table in self.tables():
                archive.add(f"rows/{self.database.name}/{table}", self._rows(table))
            return
        copy = scratch / f"{self.database.name}.db"
        target = sqlite3.connect(copy)
        try:
            _driver(self.connection).backup(target)
        finally:
            target.close()
        with copy.open("rb") as file:
            archive.add_file(f"sqlite/{self.database.name}", file)
        copy.unlink()

    def tables(self) -> list[str]:
        """The names of its tables."""
        return sorted(inspect(self.connection).get_table_names())

    def _rows(self, table: str) -> Iterator[bytes]:
        """The names of the columns in a line, then the rows as COPY writes them."""
        quote = self.connection.dialect.identifier_preparer.quote
        names = [column["name"] for column in inspect(self.connection).get_columns(table)]
        columns = ", ".join(quote(name) for name in names)
        yield columns.encode() + b"\n"
        with _driver(self.connection).cursor().copy(f"COPY {quote(table)} ({columns}) TO STDOUT") as rows:
            yield from (bytes(row) for row in rows)


@contextmanager
def snapshot(database: Database) -> Iterator[Snapshot]:
    """The database of this moment, until the block ends; NotReady where it does not answer or is not there."""
    if database.file is not None and not database.file.exists():
        raise NotReady(f"{database.file} is not there. Run `make run` or `python -m backend init`.")
    engine = create_engine(database.url, hide_parameters=True)
    try:
        with _beginning(engine) as connection:
            yield Snapshot(database, connection)
    except OperationalError as error:
        raise NotReady(f"The database '{database.name}' does not answer.", cause=str(error)) from error
    finally:
        engine.dispose()


@contextmanager
def _beginning(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA busy_timeout=15000")
            connection.exec_driver_sql("BEGIN")
            # The moment is that of the first read, not of BEGIN.
            connection.execute(text("SELECT count(*) FROM sqlite_master"))
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            connection.execute(text("SELECT 1"))
        yield connection


def _driver(connection: Connection) -> Any:
    """The driver's own connection, which knows what SQLAlchemy does not."""
    return connection.connection.driver_connection
