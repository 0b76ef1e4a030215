"""What callers are told where the database cannot do what they ask: 503 and when to try again, and nothing is half done."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from backend.app import create_app
from backend.database import db
from backend.settings import Settings
from backend.storage import SPARE
from tests.conftest import PASSWORD, Person

ADA = {"username": "ada", "password": PASSWORD, "role": "expert"}
# No SQL, no path, nothing of what was to be written.
TOLD = "The database does not answer for now. Try again in a moment."


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Nobody waits for more than a second."""
    return Settings(home=tmp_path, training_threads=1, database_url=database_url, database_seconds=1, server_threads=2)


@contextmanager
def _journal_held(settings: Settings) -> Iterator[None]:
    """Somebody holds what every act that is recorded needs."""
    engine = create_engine(settings.database)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(text("UPDATE audit_head SET position = position"))
        yield
        connection.rollback()
    engine.dispose()


def test_who_waits_for_too_long_is_told_to_try_again_and_may(admin: Person, settings: Settings) -> None:
    with _journal_held(settings):
        answer = admin.post("/v1/users", json=ADA)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.content_type == "application/problem+json"
    assert (answer.get_json()["detail"], answer.get_json()["code"]) == (TOLD, "not-ready")
    assert admin.post("/v1/users", json=ADA).status_code == 201


def test_it_is_counted(admin: Person, settings: Settings, http: FlaskClient) -> None:
    with _journal_held(settings):
        admin.post("/v1/users", json=ADA)
    lines = http.get("/metrics").text.splitlines()
    assert "signet_database_errors_total 1.0" in lines


def test_where_all_connections_are_in_use_callers_wait_and_then_are_told(admin: Person, app: Flask) -> None:
    db.session.rollback()
    held = [db.engine.connect() for _ in range(app.config["SQLALCHEMY_ENGINE_OPTIONS"]["pool_size"])]
    assert len(held) == 2 + SPARE
    answer = admin.get("/v1/users")
    assert (answer.status_code, answer.headers["Retry-After"], answer.get_json()["detail"]) == (503, "1", TOLD)
    for connection in held:
        connection.close()
    assert admin.get("/v1/users").status_code == 200


def test_two_acts_in_each_others_way_are_both_answered(admin: Person, app: Flask, settings: Settings) -> None:
    """On PostgreSQL one of them is ended by the server, on SQLite it waits until its time is over: told to try again, both ways."""
    del admin
    for name in ("a", "b"):
        db.session.execute(
            text("INSERT INTO known_places (user_id, place, seen_at) SELECT id, :name, CURRENT_TIMESTAMP FROM users"),
            {"name": name},
        )
    db.session.commit()
    barrier, statuses = threading.Barrier(2, timeout=10), []

    def act(first: str, second: str) -> None:
        with app.test_request_context():
            try:
                db.session.execute(text("UPDATE known_places SET place = place WHERE place = :name"), {"name": first})
                barrier.wait()
                db.session.execute(text("UPDATE known_places SET place = place WHERE place = :name"), {"name": second})
                db.session.commit()
                statuses.append(200)
            except threading.BrokenBarrierError:
                db.session.rollback()
            except OperationalError as error:
                barrier.abort()
                statuses.append(app.handle_user_exception(error).status_code)  # type: ignore[union-attr]

    threads = [threading.Thread(target=act, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert 503 in statuses


def test_a_fault_of_ours_is_told_as_one(migrated: Settings, tmp_path: Path) -> None:
    """Never as the caller's, and never with its SQL."""
    app = create_app(migrated)

    def break_a_rule() -> None:
        raise IntegrityError("INSERT INTO users", {}, Exception("NOT NULL constraint failed"))

    app.add_url_rule("/broken", "broken", break_a_rule)
    answer = app.test_client().get("/broken")
    assert (answer.status_code, answer.get_json()["code"]) == (500, "unexpected")
    assert "users" not in answer.text
    with app.app_context():
        db.engine.dispose()
