"""Subscribers to be certified, and a clock that the test moves."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from backend.database import db
from backend.identity import (
    backoff,
    certificates,
    enrolment,
    issuing,
    key_files,
    revocation,
    revocation_list,
    second_factor,
)
from backend.identity.authority import ensure_authority
from backend.identity.subscriber_tables import Subscriber
from backend.identity.subscribers import create_subscriber
from backend.pki.authority import Authority
from backend.settings import Settings
from backend.storage import create_storage

TIMED = (backoff, certificates, enrolment, issuing, key_files, revocation, revocation_list, second_factor)


class Clock:
    """The time that everything which lasts for a while is judged by."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def forward(self, **parts: float) -> None:
        self.moment += timedelta(**parts)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in TIMED:
        monkeypatch.setattr(module, "now", clock.now)
    return clock


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def storage(request: pytest.FixtureRequest, settings: Settings, authority: Authority) -> Iterator[Flask]:
    """Each of the two databases, empty, without the rest of the platform; its context is active."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    settings.data.mkdir()
    app = create_storage(settings.model_copy(update={"database_url": url}))
    with app.app_context():
        db.create_all()
        yield app
        db.session.remove()
        db.engine.dispose()


def at_once(app: Flask, act: Callable[[], object], count: int) -> list[object]:
    """What each of `count` simultaneous acts gave, each committed in a thread of its own, or the error that it raised."""
    start, results = threading.Barrier(count), []

    def run() -> None:
        with app.app_context():
            start.wait()
            try:
                result = act()
                db.session.commit()
            except Exception as error:
                db.session.rollback()
                result = error
            results.append(result)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def authority(settings: Settings) -> Authority:
    """The authority of the home."""
    return ensure_authority(settings)


@pytest.fixture
def billing(app: Flask, authority: Authority) -> Subscriber:
    """A subscriber that may ask one model."""
    subscriber = create_subscriber("billing", actor="mia", models=["iris"])
    db.session.commit()
    return subscriber


@pytest.fixture
def shipping(app: Flask, authority: Authority) -> Subscriber:
    """Another one, with a life of certificates of its own."""
    subscriber = create_subscriber("shipping", actor="mia", models=["*"], certificate_hours=1)
    db.session.commit()
    return subscriber
