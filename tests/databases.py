"""A migrated database for each test: a copy of one that the test process migrated once, on SQLite or in a real PostgreSQL.

A test of the rooms in `BOTH` that reaches the database by way of `app` runs on both; `-m "not postgres"` leaves the second run out.
"""

import shutil
from pathlib import Path

import pytest

from backend.migrations.upgrade import upgrade
from backend.settings import Settings

BOTH = frozenset({"api", "audit", "datasets", "identity", "monitoring", "registry", "training"})
EITHER = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
_ROOMS = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever reaches the database by way of `app`, in these rooms, is tried on both."""
    room = metafunc.definition.path.relative_to(_ROOMS).parts[0]
    if room in BOTH and "app" in metafunc.fixturenames and not _chooses(metafunc):
        metafunc.parametrize("database_url", EITHER, indirect=True)


def _chooses(metafunc: pytest.Metafunc) -> bool:
    return any("database_url" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """Which database a test's settings name: SQLite under the home (nothing), or one of its own in PostgreSQL, as the parameter says."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return ""
    url: str = request.getfixturevalue("postgresql_migrated_url")
    return url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with the newest schema and nothing in it, to be copied."""
    home = Settings(home=tmp_path_factory.mktemp("migrated"), database_url="")
    upgrade(home)
    return home.data / "signet.db"


@pytest.fixture
def migrated(settings: Settings, migrated_file: Path) -> Settings:
    """The settings, whose database has the newest schema."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not settings.database_url:
        shutil.copyfile(migrated_file, settings.data / "signet.db")
    return settings
