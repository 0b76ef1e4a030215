"""Alembic's entry: the connection comes from `upgrade`, the tables from every room."""

from alembic import context

from backend.migrations.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
