"""The nouns that tests speak of."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.app import create_app
from backend.database import db
from backend.identity.authority import ensure_token_key
from backend.identity.principal import Role
from backend.identity.users import create_user
from backend.settings import Settings

PASSWORD = "correct horse battery staple"

pytest_plugins = ["tests.databases", "tests.left_out", "tests.mlflow_server", "tests.postgresql"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how long people had to wait where a test measured it."""
    for report in terminalreporter.getreports("passed"):
        for name, value in getattr(report, "user_properties", []):
            if name == "told":
                terminalreporter.write_line(str(value))


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """A home of its own."""
    return Settings(home=tmp_path, training_threads=1, database_url=database_url)


@pytest.fixture
def app(migrated: Settings) -> Iterator[Flask]:
    """The API over a fresh, migrated database; its context is active."""
    ensure_token_key(migrated)
    flask_app = create_app(migrated)
    with flask_app.app_context():
        yield flask_app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    """A caller without any credential."""
    return app.test_client()


class Person:
    """Somebody who is signed in, and the calls they make."""

    def __init__(self, http: FlaskClient, username: str, password: str) -> None:
        self.http, self.username, self.password = http, username, password
        answer = http.post("/login", json={"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        self.tokens = answer.get_json()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def __getattr__(self, method: str):  # type: ignore[no-untyped-def]
        call = getattr(self.http, method)
        return lambda path, **more: call(path, headers=self.headers | more.pop("headers", {}), **more)


def _person(http: FlaskClient, role: Role) -> Person:
    create_user(role.value, PASSWORD, role)
    db.session.commit()
    return Person(http, role.value, PASSWORD)


@pytest.fixture
def admin(http: FlaskClient) -> Person:
    return _person(http, Role.ADMIN)


@pytest.fixture
def manager(http: FlaskClient) -> Person:
    return _person(http, Role.MANAGER)


@pytest.fixture
def scientist(http: FlaskClient) -> Person:
    return _person(http, Role.SCIENTIST)


@pytest.fixture
def expert(http: FlaskClient) -> Person:
    return _person(http, Role.EXPERT)
