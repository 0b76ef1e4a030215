"""Rates and quotas as callers meet them: 429, how long to wait, and who is not concerned."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from flask import Flask

from backend.app import create_app
from backend.database import db
from backend.identity.allowances import Allowances
from backend.settings import Settings
from tests.api.conftest import LET_IN, Subscribed
from tests.conftest import Person

Admit = Callable[..., Subscribed]
NOON = 1_800_000_000 // 86400 * 86400 + 12 * 3600


@pytest.fixture(autouse=True)
def clock(app: Flask) -> list[float]:
    """The time of allowances: noon, until the test says otherwise."""
    time = [float(NOON)]
    gate = app.extensions["signet.gate"]
    app.extensions["signet.gate"] = replace(gate, allowances=Allowances(db.engine, lambda: time[0]))
    return time


def _predictions(who: Subscribed, times: int, model: str = "iris") -> list[int]:
    return [who.predict(model).status_code for _ in range(times)]


def test_past_its_rate_a_subscriber_is_told_when_to_come_again(subscribed: Admit, clock: list[float]) -> None:
    billing = subscribed("billing", models=["iris"], rate_per_minute=2)
    clock[0] += 20
    assert _predictions(billing, 2) == [LET_IN, LET_IN]
    answer = billing.predict("iris")
    assert (answer.status_code, answer.content_type) == (429, "application/problem+json")
    assert (answer.get_json()["code"], answer.headers["Retry-After"]) == ("too-many-requests", "40")
    assert "2 requests a minute" in answer.get_json()["detail"]
    clock[0] += 40
    assert _predictions(billing, 3) == [LET_IN, LET_IN, 429]


def test_past_its_quota_a_subscriber_waits_for_the_next_day(subscribed: Admit, clock: list[float]) -> None:
    billing = subscribed("billing", models=["iris"], daily_quota=2)
    assert _predictions(billing, 3) == [LET_IN, LET_IN, 429]
    answer = billing.predict("iris")
    assert answer.headers["Retry-After"] == str(12 * 3600)
    assert "2 predictions a day" in answer.get_json()["detail"]


def test_of_50_calls_at_once_at_the_last_unit_one_passes(app: Flask, subscribed: Admit) -> None:
    """Case 42, through the whole API."""
    billing = subscribed("billing", models=["iris"], daily_quota=100)
    assert _predictions(billing, 99) == [LET_IN] * 99
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: billing.predict("iris").status_code, range(50)))
    assert (answers.count(LET_IN), answers.count(429)) == (1, 49)


def test_what_was_used_of_a_day_survives_a_restart(
    app: Flask, settings: Settings, subscribed: Admit, clock: list[float]
) -> None:
    billing = subscribed("billing", models=["iris"], daily_quota=3)
    assert _predictions(billing, 2) == [LET_IN, LET_IN]
    restarted = create_app(settings)
    gate = restarted.extensions["signet.gate"]
    with restarted.app_context():
        allowances = Allowances(db.engine, lambda: clock[0])
    restarted.extensions["signet.gate"] = replace(gate, allowances=allowances)
    billing.http = restarted.test_client()
    assert _predictions(billing, 2) == [LET_IN, 429]
    with restarted.app_context():
        db.engine.dispose()


def test_asking_what_there_is_counts_for_the_rate_and_not_for_the_quota(subscribed: Admit) -> None:
    billing = subscribed("billing", models=["iris"], rate_per_minute=3, daily_quota=1)
    assert billing.call("GET", "/v1/models").status_code == 200
    assert _predictions(billing, 2) == [LET_IN, 429]
    assert billing.call("GET", "/v1/models").status_code == 429


def test_a_model_that_is_not_its_own_costs_nothing(subscribed: Admit) -> None:
    billing = subscribed("billing", models=["iris"], rate_per_minute=1, daily_quota=1)
    assert _predictions(billing, 3, "wine") == [403] * 3
    assert _predictions(billing, 1) == [LET_IN]


def test_the_default_model_counts_too(subscribed: Admit) -> None:
    billing = subscribed("billing", models=["iris"], daily_quota=1)
    answers = [billing.call("POST", "/predict", json={"features": []}).status_code for _ in range(2)]
    assert answers == [LET_IN, 429]


def test_a_token_has_no_allowance_of_its_own(subscribed: Admit) -> None:
    billing = subscribed("billing", models=["iris"], daily_quota=1)
    tokens = [billing.token(), billing.token(), None]
    assert [billing.predict("iris", token=token).status_code for token in tokens] == [LET_IN, 429, 429]


def test_another_limit_holds_from_the_next_request_on(subscribed: Admit, manager: Person) -> None:
    billing = subscribed("billing", models=["iris"], rate_per_minute=1)
    assert _predictions(billing, 2) == [LET_IN, 429]
    manager.patch(f"/v1/subscribers/{billing.id}", json={"rate_per_minute": 2})
    assert _predictions(billing, 2) == [LET_IN, 429]
    manager.patch(f"/v1/subscribers/{billing.id}", json={"rate_per_minute": None})
    assert _predictions(billing, 2) == [LET_IN, LET_IN]


def test_people_have_no_limit(expert: Person) -> None:
    body = {"json": {"features": []}}
    assert [expert.post("/v1/models/iris/predict", **body).status_code for _ in range(5)] == [LET_IN] * 5
