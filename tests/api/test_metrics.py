"""`GET /metrics`: who may read it, and what stands in it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.database import db
from backend.identity.authority import ensure_authority
from backend.listener.wsgi import PROXIED
from backend.settings import Settings
from tests.api.conftest import Registered, Subscribed
from tests.conftest import Person
from tests.monitoring.exposed import OPEN_METRICS, families, problems, value

FAR = {"REMOTE_ADDR": "203.0.113.9"}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _token(settings: Settings) -> str:
    return (settings.certs / "metrics-token").read_text().strip()


def test_a_program_on_this_machine_may_read(http: FlaskClient) -> None:
    for address in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        answer = http.get("/metrics", environ_overrides={"REMOTE_ADDR": address})
        assert (answer.status_code, answer.mimetype) == (200, "text/plain"), address


def test_administrators_and_the_token_may_from_anywhere(
    http: FlaskClient, settings: Settings, admin: Person, manager: Person
) -> None:
    assert admin.get("/metrics", environ_overrides=FAR).status_code == 200
    assert manager.get("/metrics", environ_overrides=FAR).status_code == 403
    assert manager.get("/metrics").status_code == 403  # who signs in is judged as that person
    answer = http.get("/metrics", headers=_bearer(_token(settings)), environ_overrides=FAR | {PROXIED: True})
    assert answer.status_code == 200
    assert (settings.certs / "metrics-token").stat().st_mode & 0o777 == 0o600


def test_the_token_opens_nothing_else(http: FlaskClient, settings: Settings) -> None:
    for path in ("/v1/me", "/v1/models", "/v1/audit", "/v1/monitoring/summary"):
        assert http.get(path, headers=_bearer(_token(settings))).status_code == 401


@pytest.mark.parametrize(
    ("headers", "environ"),
    [
        ({}, FAR),
        ({}, {"REMOTE_ADDR": ""}),
        ({}, {"REMOTE_ADDR": "127.0.0.1.example"}),
        ({}, {PROXIED: True, "REMOTE_ADDR": "127.0.0.1"}),
        ({"X-Forwarded-For": "127.0.0.1"}, FAR),
        ({"X-Forwarded-For": "203.0.113.9"}, {}),
        ({"Forwarded": "for=127.0.0.1"}, {}),
        ({"Via": "1.1 proxy"}, {}),
        ({"Signet-Browser-Address": "127.0.0.1"}, {}),
        (_bearer("guess"), {}),
        (_bearer(""), {}),
        ({"Authorization": "Basic guess"}, {}),
    ],
    ids=str,
)
def test_nobody_else_may(http: FlaskClient, headers: dict[str, str], environ: dict[str, Any]) -> None:
    answer = http.get("/metrics", headers=headers, environ_overrides=environ)
    assert answer.status_code == 401, answer.text


def test_a_subscriber_may_not(subscribed: Callable[..., Subscribed]) -> None:
    service = subscribed("billing", models=["iris"])
    service.call("GET", "/metrics")
    answer = service.http.get("/metrics", headers=_bearer(service.token()), environ_overrides=FAR)
    assert answer.status_code == 401


@pytest.fixture
def text(
    app: Flask, http: FlaskClient, registered: Registered, subscribed: Callable[..., Subscribed], settings: Settings
) -> str:
    """After a start with an authority, a prediction by a subscriber and a refused one; the model's job is there too."""
    ensure_authority(settings)
    registered("bikes", "regression")
    service = subscribed("billing", models=["bikes"])
    app.extensions["signet"].shelf.refresh()
    row = app.extensions["signet"].shelf.get("bikes").signature.example
    assert service.call("POST", "/v1/models/bikes/predict", json={"features": row}).status_code == 200
    service.call("POST", "/v1/models/elsewhere/predict", json={"features": row})
    return http.get("/metrics").text


def test_predictions_stand_in_it_at_once(text: str) -> None:
    answered = {"model": "bikes", "version": "1", "protocol": "native"}
    assert value(text, "signet_prediction_requests_total", **answered) == 1
    assert value(text, "signet_prediction_duration_seconds_bucket", **answered, le="+Inf") == 1
    assert value(text, "signet_prediction_failures_total", model="unknown", code="403") == 1
    assert value(text, "signet_requests_in_flight") == 1  # the collection itself


def test_the_state_stands_in_it(text: str) -> None:
    assert value(text, "signet_model_loaded", model="bikes", alias="champion", version="1") == 1
    assert value(text, "signet_model_behind", model="bikes") == 0
    assert value(text, "signet_model_swaps_total", model="bikes", result="succeeded") == 1
    assert value(text, "signet_registry_up") == 0
    assert value(text, "signet_database_up") == 1
    assert value(text, "signet_jobs", state="running") == 1
    assert value(text, "signet_jobs") == 1
    assert value(text, "signet_subscriber_certificates") == 1
    assert value(text, "signet_subscriber_certificates_expiring") == 0
    assert value(text, "signet_subscriber_info", name="billing") == 1
    assert value(text, "signet_build_info", version="0.1.0") == 1
    assert value(text, "signet_clock_behind_seconds") == 0
    day = 24 * 3600
    first = value(text, "signet_subscriber_certificate_next_expiry_timestamp_seconds") or 0
    server = value(text, "signet_server_certificate_expiry_timestamp_seconds") or 0
    assert 200 * day < server - first < 400 * day


def test_it_passes_the_linter_in_both_forms(text: str, http: FlaskClient) -> None:
    assert problems(text) == []
    answer = http.get("/metrics", headers={"Accept": OPEN_METRICS})
    assert answer.mimetype == "application/openmetrics-text"
    assert problems(answer.text, open_metrics=True) == []


def test_without_a_database_the_rest_still_stands_in_it(app: Flask, http: FlaskClient) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs RENAME TO away")
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert value(answer.text, "signet_database_up") == 0
    assert "signet_jobs" not in families(answer.text)
    assert value(answer.text, "signet_ready") == 0
