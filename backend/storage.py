"""The database as an app context: all that the worker, commands and MLflow's door need of the app."""

from functools import partial

from flask import Flask
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

from backend.database import db
from backend.postgresql import bound_waits
from backend.settings import Settings

# Connections of a process besides one for each thread that answers: what its own threads do beside requests, and a thread that for a
# moment needs a second one, such as for the journal of refusals. As long as there is one of these, nobody waits in a circle.
SPARE = 4
_RECYCLE_SECONDS = 1800


def create_storage(settings: Settings, *, threads: int = 1) -> Flask:
    """An app that only knows the database, and so is loaded quickly and stays small; `threads` of the process ask it at once."""
    app = Flask("signet", static_folder=None)
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        # An error of the database would repeat what was to be written, in every log that it reaches.
        "hide_parameters": True,
        "pool_pre_ping": True,
        "pool_size": threads + SPARE,
        "max_overflow": 0,
        "pool_timeout": settings.database_seconds,
        "pool_recycle": _RECYCLE_SECONDS,
        "pool_use_lifo": True,
    }
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", partial(_prepare_sqlite, settings.database_seconds))
        else:
            bound_waits(db.engine, settings.database_seconds)
    return app


def _prepare_sqlite(seconds: float, connection: object, _record: ConnectionPoolEntry) -> None:
    """Readers do not wait for the writer, writers wait for each other, and foreign keys hold."""
    cursor = connection.cursor()  # type: ignore[attr-defined]
    waits = f"busy_timeout={int(seconds * 1000)}"
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", waits, "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
