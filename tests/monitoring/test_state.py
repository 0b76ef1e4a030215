"""The platform's state, on both databases."""

from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest

from backend.database import db
from backend.identity.subscribers import create_subscriber
from backend.monitoring.clock import ClockWatch
from backend.monitoring.state import State
from backend.serving.shelf import Shelf
from backend.settings import Settings
from backend.training.tables import Job
from tests.monitoring.exposed import value


def test_what_the_database_says(either_storage: Flask, settings: Settings) -> None:
    subscriber = create_subscriber("billing", actor="mia", models=["iris"])
    for state in ("queued", "queued", "failed"):
        db.session.add(Job(model="m", dataset_id="d", target="t", algorithm="xgboost", created_by="ada", state=state))
    db.session.commit()
    registry = CollectorRegistry()
    registry.register(State(settings, Shelf(settings, either_storage.app_context), ClockWatch(), "1"))
    text = generate_latest(registry).decode()
    assert value(text, "signet_database_up") == 1
    assert [value(text, "signet_jobs", state=state) for state in ("queued", "failed", "running")] == [2, 1, 0]
    assert 0 <= (value(text, "signet_job_longest_wait_seconds") or 0) < 3600
    assert value(text, "signet_subscriber_info", caller=f"subscriber:{subscriber.id}", name="billing") == 1
    assert value(text, "signet_clock_behind_seconds") == 0
    assert value(text, "signet_subscriber_certificate_next_expiry_timestamp_seconds") is None
