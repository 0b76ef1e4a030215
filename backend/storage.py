"""The database as an app context: all that the worker, commands and MLflow's door need of the app."""

from flask import Flask
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

from backend.database import db
from backend.settings import Settings


def create_storage(settings: Settings) -> Flask:
    """An app that only knows the database, and so is loaded quickly and stays small."""
    app = Flask("signet", static_folder=None)
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database
    # An error of the database would repeat what was to be written, in every log that it reaches.
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True, "hide_parameters": True}
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _prepare_sqlite)
    return app


def _prepare_sqlite(connection: object, _record: ConnectionPoolEntry) -> None:
    """Readers do not wait for the writer, writers wait for each other, and foreign keys hold."""
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
