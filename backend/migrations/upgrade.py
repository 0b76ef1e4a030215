"""The database schema brought to the newest revision, once, however many processes ask."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from filelock import FileLock
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from backend.settings import Settings

# Any number does, as long as every process of the platform takes the same.
_POSTGRESQL_LOCK = 7_446_387


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Migrate under a lock: a file beside SQLite, an advisory lock on PostgreSQL."""
    _run(settings, lambda config: command.upgrade(config, revision))


def downgrade(settings: Settings, revision: str) -> None:
    """Take the schema back to an older revision."""
    _run(settings, lambda config: command.downgrade(config, revision))


def configuration(connection: Connection) -> Config:
    """Alembic's configuration over an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _run(settings: Settings, act: Callable[[Config], None]) -> None:
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(make_url(settings.database))
    try:
        with FileLock(settings.data / "migrations.lock"), engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})
            act(configuration(connection))
    finally:
        engine.dispose()
