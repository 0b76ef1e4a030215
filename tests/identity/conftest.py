"""Subscribers to be certified, and a clock that the test moves."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from backend.database import db
from backend.identity import certificates, enrolment, issuing, key_files, revocation, revocation_list
from backend.identity.authority import ensure_authority
from backend.identity.subscriber_tables import Subscriber
from backend.identity.subscribers import create_subscriber
from backend.pki.authority import Authority
from backend.settings import Settings

TIMED = (certificates, enrolment, issuing, key_files, revocation, revocation_list)


class Clock:
    """The time that the life of certificates is judged by."""

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


@pytest.fixture
def app(app: Flask) -> Flask:
    """Every table, those that no revision makes yet too."""
    db.create_all()
    return app


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
