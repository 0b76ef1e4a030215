"""A journal over each of the two databases, without the rest of the platform."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import delete, insert, select, text

from backend.audit.chain import append
from backend.audit.events import Event, Note
from backend.audit.tables import GUARDS, AuditEvent, AuditHead
from backend.database import db
from backend.identity.tables import User
from backend.settings import Settings
from backend.storage import create_storage


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def storage(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Flask]:
    """An empty database with the few tables that a journal needs; its context is active."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    settings.data.mkdir()
    app = create_storage(settings.model_copy(update={"database_url": url}))
    with app.app_context():
        needed = [table.__table__ for table in (AuditEvent, AuditHead, User)]
        db.metadata.create_all(db.engine, tables=needed)
        yield app
        db.session.remove()
        db.engine.dispose()


def events() -> list[AuditEvent]:
    """The whole journal, in its order."""
    db.session.rollback()
    found = list(db.session.scalars(select(AuditEvent).order_by(AuditEvent.position)))
    db.session.expunge_all()
    db.session.rollback()
    return found


def told() -> list[tuple[str, str, str]]:
    """Of each event: what, to what, with what outcome."""
    return [(event.event, event.target, event.outcome) for event in events()]


@pytest.fixture
def journal_of(storage: Flask) -> Callable[[int], None]:
    """Writes a journal of so many events."""

    def write(count: int) -> None:
        with db.engine.begin() as connection:
            notes = [
                Note(Event.USER_CREATED, "ada", f"user:{number}", details={"role": "expert"}) for number in range(count)
            ]
            append(connection, notes)

    return write


class Attack:
    """Somebody who may change the schema, and so takes the guards away first."""

    def __init__(self) -> None:
        with db.engine.begin() as connection:
            for name, table in _guards(connection.dialect.name):
                on = ["ON", table] if connection.dialect.name == "postgresql" else []
                connection.execute(text(" ".join(["DROP TRIGGER", name, *on])))

    def edit(self, change: str, where: str, table: str = "audit_events") -> None:
        self._run("UPDATE", table, "SET", change, "WHERE", where)

    def delete(self, where: str, table: str = "audit_events") -> None:
        self._run("DELETE FROM", table, "WHERE", where)

    def restore(self, kept: list[AuditEvent]) -> None:
        """As if nothing had been done since `kept` was read."""
        self.delete("position = position")
        rows = [{column.name: getattr(event, column.name) for column in AuditEvent.__table__.columns} for event in kept]
        with db.engine.begin() as connection:
            connection.execute(insert(AuditEvent), rows)
            connection.execute(delete(AuditHead))
            connection.execute(insert(AuditHead).values(id=1, position=rows[-1]["position"], hash=rows[-1]["hash"]))

    def edit_head(self, change: str) -> None:
        self.edit(change, "id = 1", "audit_head")

    def _run(self, *words: str) -> None:
        with db.engine.begin() as connection:
            connection.execute(text(" ".join(words)))


@pytest.fixture
def attack(storage: Flask) -> Attack:
    """Does what the database itself refuses."""
    return Attack()


def _guards(dialect: str) -> Iterator[tuple[str, str]]:
    for table, dialects in GUARDS.items():
        for statement in dialects[dialect]:
            if statement.startswith("CREATE TRIGGER"):
                yield statement.split()[2], table
