"""Home: tiles and needs for each role, first steps, and parts that fail on their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.frontend.conftest import Browser
from tests.frontend.stub import PERMISSIONS, StubPlatform, job, problem, version
from tests.frontend.stub_people import in_days

As = Callable[[str], Browser]
TRAFFIC = ["Error rate, 24 h", "p95 latency, 24 h"]
TILES = {
    "admin": ["Your training", "Champion models", "Certificates ending", *TRAFFIC],
    "manager": ["Champion models", "Certificates ending", *TRAFFIC],
    "scientist": ["Your training", "Champion models", *TRAFFIC],
    "expert": ["Your training", "Champion models", *TRAFFIC],
}


def ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


def tile(tab: AppTest, label: str) -> Any:
    return next(each for each in tab.metric if each.label == label)


def needs(tab: AppTest) -> list[str]:
    """The links of what needs the person."""
    found = tab.main.get("page_link")
    return [each.proto.label for each in found if each.proto.label.startswith(("The ", "No version", "1 pred"))]


@pytest.mark.parametrize("role", PERMISSIONS)
def test_each_role_sees_the_tiles_of_what_it_answers_for(as_role: As, stub: StubPlatform, role: str) -> None:
    tab = as_role(role).open("home")
    assert [each.label for each in tab.metric] == TILES[role]
    assert tile(tab, "Error rate, 24 h").value == "1.4 %"
    assert tile(tab, "p95 latency, 24 h").value == "4 ms"
    assert tile(tab, "Champion models").value == "1"
    asked = {path for _, path in stub.calls}
    assert ("/v1/certificates" in asked) is ("Certificates ending" in TILES[role])
    assert ("/v1/jobs" in asked) is ("Your training" in TILES[role])


def test_training_counts_what_is_ones_own(as_role: As, stub: StubPlatform) -> None:
    stub.jobs = [
        job("j-5", "running"),
        job("j-4", "queued"),
        job("j-3", "running", created_by="scientist"),
        job("j-2", "failed", model="ships", finished_at=ago(hours=2)),
        job("j-1", "failed", model="ships", finished_at=ago(hours=3)),
    ]
    tab = as_role("expert").open("home")
    found = tile(tab, "Your training")
    assert (found.value, found.delta) == ("2 running", "1 failed")
    assert "The training of ships failed 2 hours ago" in needs(tab)


@pytest.mark.parametrize(
    "jobs",
    [
        [job("j-2", "succeeded", finished_at=ago(hours=1)), job("j-1", "failed", finished_at=ago(hours=2))],
        [job("j-1", "failed", finished_at=ago(days=8))],
        [job("j-1", "failed", finished_at=ago(hours=1), created_by="scientist")],
    ],
    ids=["trained-since", "long-ago", "of-others"],
)
def test_failures_that_are_settled_need_nobody(as_role: As, stub: StubPlatform, jobs: list[dict[str, Any]]) -> None:
    stub.jobs, stub.traffic.seen = jobs, []
    browser = as_role("expert")
    tab = browser.open("home")
    assert tile(tab, "Your training").delta == ""
    assert needs(tab) == []
    # Who has not trained anything yet reads what to do instead.
    assert ("Nothing needs you now" in browser.words()) is ("First steps" not in browser.words())


def test_certificates_that_were_not_renewed_are_named_to_who_keeps_them(as_role: As, stub: StubPlatform) -> None:
    stub.people.certificates[1]["renewable_from"] = in_days(5)
    tab = as_role("manager").open("home")
    assert {"state": "valid", "expiring_within_days": "30"} in stub.people.told
    found = tile(tab, "Certificates ending")
    assert (found.value, found.delta) == ("2", "1 not renewed")
    assert "The certificate of billing ends in 4 days and was not renewed" in needs(tab)


def test_a_model_without_a_champion_is_told_to_who_may_promote(as_role: As, stub: StubPlatform) -> None:
    stub.models.append({"name": "ships", "aliases": {}, "versions": [version("1", [])]})
    browser = as_role("scientist")
    tab = browser.open("home")
    assert tile(tab, "Champion models").delta == "1 without"
    assert "No version of ships answers yet" in needs(tab)
    browser.sign_in("expert")
    assert "No version of ships answers yet" not in needs(browser.open("home"))


def test_failed_predictions_are_told(as_role: As) -> None:
    assert "1 prediction failed in the last 24 hours: a fault of the platform" in needs(as_role("expert").open("home"))


def test_a_day_without_traffic_has_no_figures(as_role: As, stub: StubPlatform) -> None:
    stub.traffic.seen = []
    tab = as_role("expert").open("home")
    assert [tile(tab, label).value for label in TRAFFIC] == ["-", "-"]


@pytest.mark.parametrize(
    ("path", "part"), [("certificates", "certificates"), ("monitoring/summary", "traffic"), ("subscribers", "services")]
)
def test_a_part_that_fails_leaves_the_others(as_role: As, stub: StubPlatform, path: str, part: str) -> None:
    stub.people.certificates, stub.traffic.seen = [], []
    browser = as_role("manager")
    address = f"/v1/{path}"
    stub.refusals["GET", address] = problem(503, "not-ready", "The database is starting.")
    tab = browser.open("home")
    assert [each.value for each in tab.error] == ["The database is starting\\."]
    assert "ROC AUC **0.8712**" in browser.words()
    assert tile(tab, "Champion models").value == "1"
    # Nobody is told that all is well where not all is known.
    assert ("Nothing needs you now" in browser.words()) is (part == "services")
    del stub.refusals["GET", address]
    tab.button(key=f"again_home_{part}").click().run()
    assert not tab.error
    assert [each.label for each in tab.metric] == TILES["manager"]
    assert "Nothing needs you now" in browser.words()


@pytest.mark.parametrize(
    ("role", "titles"),
    [
        ("admin", ["First steps", "The first service"]),
        ("manager", ["The first service"]),
        ("scientist", ["First steps"]),
        ("expert", ["First steps"]),
    ],
)
def test_first_steps_of_each_role(as_role: As, stub: StubPlatform, role: str, titles: list[str]) -> None:
    stub.jobs, stub.models, stub.datasets, stub.people.subscribers, stub.traffic.seen = [], [], [], [], []
    browser = as_role(role)
    tab = browser.open("home")
    assert [each.value for each in tab.header if each.value.startswith(("First", "The first"))] == titles
    assert "no model yet" in browser.words()
    assert "Nothing needs you" not in browser.words()
    assert tile(tab, "Champion models").value == "0"


def test_first_steps_go_once_they_are_done(as_role: As) -> None:
    browser = as_role("expert")
    browser.open("home")
    assert "First steps" not in browser.words()
    browser.sign_in("manager")
    browser.open("home")
    assert "The first service" not in browser.words()


def test_an_administrator_is_new_only_until_anybody_has_trained(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("admin")
    browser.open("home")
    assert "First steps" not in browser.words()
    stub.jobs = [job("j-1", "succeeded", created_by="platform", finished_at=ago(hours=1))]
    browser.open("home")
    assert "First steps" in browser.words()


def test_only_the_sample_is_called_one(as_role: As, stub: StubPlatform) -> None:
    stub.jobs = []
    browser = as_role("expert")
    browser.open("home")
    assert "sample model" not in browser.words()
    stub.models = [{"name": "iris", "aliases": {}, "versions": [version("1", []) | {"created_by": "platform"}]}]
    browser.open("home")
    assert "A sample model, iris, is there already" in browser.words()
