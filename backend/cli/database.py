"""The database of the home as a command sees it: one transaction a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

from backend.cli.context import Context
from backend.database import db
from backend.errors import NotReady


@contextmanager
def transaction(context: Context) -> Iterator[None]:
    """Commits when the block returns, rolls back when it raises; NotReady where the home was never set up."""
    with context.storage.app_context():
        try:
            _verify_set_up(context)
            yield
            db.session.commit()
        except OperationalError as error:
            raise NotReady("The database does not answer.", cause=str(error)) from error
        finally:
            db.session.rollback()


def _verify_set_up(context: Context) -> None:
    # SQLite itself would make an empty database, or complain of a missing folder.
    file = db.engine.url.database if db.engine.dialect.name == "sqlite" else None
    if (file and not Path(file).exists()) or not inspect(db.engine).has_table("alembic_version"):
        raise NotReady(f"{context.settings.home} was never set up. Run `make run` or `python -m backend init`.")
