"""The databases of a platform, as data: where each is, by the name under which an archive holds it."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.engine import make_url

from backend.registry.mlflow_server import access_database, tracking_database
from backend.settings import Settings


@dataclass(frozen=True)
class Database:
    """One database: `name` in the archive, and where it is."""

    name: str
    url: URL

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None of another."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None


def every_database(settings: Settings) -> list[Database]:
    """Our own first, then MLflow's: a row of ours never names what is not yet in a snapshot that is taken later."""
    found: dict[URL, str] = {}
    for name, text in (
        ("signet", settings.database),
        ("mlflow", tracking_database(settings)),
        ("mlflow-people", access_database(settings)),
    ):
        found.setdefault(_completed(settings, text), name)
    return [Database(name, url) for url, name in found.items()]


def _completed(settings: Settings, text: str) -> URL:
    """With the password that stands in a file of its own, and with the one driver that is installed."""
    url = make_url(text)
    if url.get_backend_name() == "sqlite":
        return url
    password = settings.database_password.get_secret_value()
    if not url.password and password:
        url = url.set(password=password)
    return url.set(drivername="postgresql+psycopg")
