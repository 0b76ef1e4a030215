"""The figures as people get them, and who may see whose."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from tests.api.conftest import Registered, Subscribed
from tests.conftest import Person

SUMMARY, TRAFFIC = "/v1/monitoring/summary", "/v1/monitoring/traffic"


@pytest.fixture
def service(app: Flask, registered: Registered, subscribed: Callable[..., Subscribed], expert: Person) -> Subscribed:
    """After: one prediction by a person, two by a subscriber of which one is refused, one by nobody."""
    registered("bikes", "regression")
    service = subscribed("billing", models=["bikes"])
    row = app.extensions["signet"].shelf.get("bikes").signature.example
    expert.post("/v1/models/bikes/predict", json={"features": [row, row]})
    service.call("POST", "/v1/models/bikes/predict", json={"features": row})
    service.call("POST", "/v1/models/bikes/predict", json={"features": {"nonsense": 1}})
    expert.http.post("/v1/models/bikes/predict", json={"features": row})
    return service


def test_the_summary_says_how_each_model_and_caller_fares(service: Subscribed, manager: Person) -> None:
    answer = manager.get(SUMMARY)
    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    total = found["total"]
    assert (total["requests"], total["refused"], total["failed"], total["rows"]) == (4, 2, 0, 3)
    assert total["error_rate"] == 0.5
    assert 0 < total["p50"] <= total["p99"] <= 10
    (model,) = found["models"]
    assert model["model"] == "bikes"
    assert [(each["version"], each["requests"]) for each in model["versions"]] == [("1", 3), ("", 1)]
    assert {(each["caller"], each["caller_name"], each["errors"]) for each in found["callers"]} == {
        (f"subscriber:{service.id}", "billing", 1), ("people", None, 0), ("nobody", None, 1),
    }  # fmt: skip


def test_without_traffic_there_is_nothing_to_say(expert: Person) -> None:
    found = expert.get(SUMMARY).get_json()
    assert (found["total"]["requests"], found["total"]["error_rate"], found["models"]) == (0, None, [])
    (line,) = expert.get(TRAFFIC).get_json()["lines"]
    assert {point["requests"] for point in line["points"]} == {0}
    assert line["total"]["p50"] is None


def test_traffic_step_by_step(service: Subscribed, expert: Person) -> None:
    since = datetime.now(UTC) - timedelta(minutes=10)
    answer = expert.get(TRAFFIC, query_string={"since": since.isoformat(), "step": 60, "by": "version"})
    found = answer.get_json()
    assert found["step"] == 60
    assert 10 <= len(found["lines"][0]["points"]) <= 12
    assert [(line["model"], line["version"], line["caller"]) for line in found["lines"]] == [
        ("bikes", "1", None), ("bikes", "", None),
    ]  # fmt: skip
    assert (
        sum(point["requests"] for point in found["lines"][0]["points"]) == found["lines"][0]["total"]["requests"] == 3
    )
    refused = expert.get(TRAFFIC, query_string={"version": "", "protocol": "native"}).get_json()["lines"][0]
    assert refused["total"]["errors"] == 1


def test_only_who_keeps_subscribers_sees_callers(service: Subscribed, expert: Person, manager: Person) -> None:
    assert expert.get(SUMMARY).get_json()["callers"] is None
    for query in ({"by": "caller"}, {"caller": f"subscriber:{service.id}"}):
        assert expert.get(TRAFFIC, query_string=query).status_code == 403
    lines = manager.get(TRAFFIC, query_string={"by": "caller"}).get_json()["lines"]
    assert (f"subscriber:{service.id}", "billing") in {(line["caller"], line["caller_name"]) for line in lines}
    assert service.call("GET", SUMMARY).status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        {"until": "9999-12-31T23:59:59Z", "since": "9999-12-31T00:00:00Z"}, {"until": "0001-01-01T00:00:00Z"}, {"model": "a\x00"},
        {"since": "9999-12-31T23:59:59+00:00"}, {"step": "99999999999999999960"}, {"step": "31622460"}, {"caller": "x" * 65},
        {"step": "61"}, {"step": "0"}, {"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}, {"by": "username"},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, {"since": "2020-01-01T00:00:00Z", "step": "60"},
    ],
    ids=str,
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(expert: Person, query: dict[str, str]) -> None:
    assert expert.get(TRAFFIC, query_string=query).status_code == 422
