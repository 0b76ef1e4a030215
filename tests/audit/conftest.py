"""A journal over each of the two databases, without the rest of the platform."""

from collections.abc import Iterator

import pytest
from flask import Flask

from backend.app import create_storage
from backend.database import db
from backend.settings import Settings


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def storage(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Flask]:
    """An empty database with its tables; its context is active."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    settings.data.mkdir()
    app = create_storage(settings.model_copy(update={"database_url": url}))
    with app.app_context():
        db.create_all()
        yield app
        db.session.remove()
        db.engine.dispose()
