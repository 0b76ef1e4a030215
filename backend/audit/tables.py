"""The rows of the journal, and what the database itself refuses to do to them."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import DDL, BigInteger, CheckConstraint, Index, Integer, String, Text, event
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import Table

# SQLite numbers rows by its own INTEGER only.
_Position = BigInteger().with_variant(Integer, "sqlite")

# What the first event names as the hash before it.
GENESIS = "0" * 64


class AuditEvent(Table):
    """One act in its place in the chain; `chain.py` says what `hash` is taken over."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_actor", "actor", "position"),
        Index("ix_audit_events_event", "event", "position"),
        Index("ix_audit_events_target", "target", "position"),
    )

    position: Mapped[int] = mapped_column(_Position, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(128))
    target: Mapped[str] = mapped_column(String(200))
    outcome: Mapped[str] = mapped_column(String(16))
    details: Mapped[str] = mapped_column(Text)  # as it was hashed: canonical JSON
    address: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(64))
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    @property
    def facts(self) -> dict[str, Any]:
        """The details as values."""
        facts: dict[str, Any] = json.loads(self.details)
        return facts


class AuditHead(Table):
    """The one row that says where the journal ends; who appends holds it until the transaction ends."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(_Position)
    hash: Mapped[str] = mapped_column(String(64))


FIRST_HEAD = f"INSERT INTO audit_head (id, position, hash) VALUES (1, 0, '{GENESIS}')"  # noqa: S608 - no value from outside

_REFUSAL = "the audit journal is append-only"
_FUNCTION = (
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
)


def _for_sqlite(table: str, act: str) -> str:
    name = f"{table}_no_{act.lower()}"
    return f"CREATE TRIGGER {name} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"


def _for_postgresql(table: str, acts: str) -> str:
    name = f"{table}_append_only"
    return f"CREATE TRIGGER {name} BEFORE {acts} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"


# What makes each database refuse what only an accident or an attacker would do, by table and dialect. Whoever may change the
# schema can take it away again; then the chain shows what was done.
GUARDS: dict[str, dict[str, tuple[str, ...]]] = {
    "audit_events": {
        "sqlite": (_for_sqlite("audit_events", "UPDATE"), _for_sqlite("audit_events", "DELETE")),
        "postgresql": (_FUNCTION, _for_postgresql("audit_events", "UPDATE OR DELETE OR TRUNCATE")),
    },
    "audit_head": {
        "sqlite": (_for_sqlite("audit_head", "DELETE"),),
        "postgresql": (_FUNCTION, _for_postgresql("audit_head", "DELETE OR TRUNCATE")),
    },
}


def _after_create(table: str, statement: str, dialect: str | None = None) -> None:
    event.listen(Table.metadata.tables[table], "after_create", DDL(statement).execute_if(dialect=dialect))  # type: ignore[no-untyped-call]


# Tables made from these classes, as some tests do, are as guarded as those that a migration made.
_after_create("audit_head", FIRST_HEAD)
for _table, _dialects in GUARDS.items():
    for _dialect, _statements in _dialects.items():
        for _statement in _statements:
            _after_create(_table, _statement, _dialect)
