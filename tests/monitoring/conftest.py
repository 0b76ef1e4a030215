"""A database with the table of sums, and a clock that a test sets."""

from collections.abc import Iterator

import pytest
from flask import Flask

from backend.app import create_storage
from backend.database import db
from backend.migrations.upgrade import upgrade
from backend.settings import Settings


class Clock:
    """Seconds since 1970, as the test says."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock(1_800_000_000.0)  # the beginning of a minute, of an hour and of a half day


@pytest.fixture
def storage(settings: Settings) -> Iterator[Flask]:
    """SQLite; its context is active."""
    upgrade(settings)
    yield from _opened(settings)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def either_storage(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Flask]:
    """SQLite and PostgreSQL; the context is active."""
    if request.param == "postgresql":
        settings = settings.model_copy(update={"database_url": request.getfixturevalue("postgresql_url")})
    upgrade(settings)
    yield from _opened(settings)


def _opened(settings: Settings) -> Iterator[Flask]:
    app = create_storage(settings)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
