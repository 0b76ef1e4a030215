"""Alembic's entry: the connection comes from `upgrade`, the tables from every room."""

from typing import Any, Literal

from alembic import context

from backend.database import UtcDateTime
from backend.migrations.tables import METADATA


def _render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """A revision names the database's type, not ours, so that it stays true when ours changes."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_item=_render_item,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
