"""The page of traffic: figures, filters and lines for each role, and the states of having nothing to show."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from frontend.components import traffic, traffic_charts
from tests.frontend.conftest import Browser
from tests.frontend.stub import PERMISSIONS, StubPlatform, problem

As = Callable[[str], Browser]
CALLERS = {"manager", "admin"}


def charts(tab: AppTest) -> list[str]:
    """What those who do not see the charts are told."""
    return [each.proto.alt for each in tab.get("vega_lite_chart")]


def specs(tab: AppTest) -> list[dict[str, Any]]:
    return [json.loads(each.proto.spec) for each in tab.get("vega_lite_chart")]


def last(stub: StubPlatform, **wanted: str) -> dict[str, str]:
    """The last question of this kind that the platform was asked."""
    return [asked for asked in stub.traffic.asked if all(asked.get(key) == each for key, each in wanted.items())][-1]


@pytest.mark.parametrize("role", PERMISSIONS)
def test_everybody_sees_the_figures_and_only_some_the_callers(as_role: As, stub: StubPlatform, role: str) -> None:
    browser = as_role(role)
    tab = browser.open("monitoring")
    tiles = {each.label: each.value for each in tab.metric}
    assert tiles == {"Requests": "1,000", "Error rate": "1.4 %", "Median latency": "2 ms", "p95 latency": "4 ms"}
    assert len(charts(tab)) == 3
    assert all("1,000 requests, error rate 1.4 %" in told for told in charts(tab))
    assert ("By caller" in browser.words()) is (role in CALLERS)
    assert len(tab.dataframe) == (2 if role in CALLERS else 1)
    assert ("of_caller" in {each.key for each in tab.selectbox}) is (role in CALLERS)
    assert "caller" not in {asked.get("by") for asked in stub.traffic.asked} or role in CALLERS


def test_versions_and_callers_have_their_own_rows(as_role: As) -> None:
    tab = as_role("manager").open("monitoring")
    versions, callers = (each.value for each in tab.dataframe)
    assert list(versions["Model"]) == ["titanic", "titanic", "iris", "titanic"]
    assert list(versions["Version"]) == ["1", "2", "1", "No version"]
    assert list(versions["Refused"]) == [9, 0, 0, 4]
    assert versions["p95"][1] == pytest.approx(0.08)
    assert list(callers["Caller"]) == ["billing", "People", "Removed service 0a1b2c3d", "Nobody who is known"]


@pytest.mark.parametrize(
    ("span", "hours", "step"), [("Hour", 1, 60), ("Day", 24, 900), ("Week", 168, 7200), ("Month", 720, 21600)]
)
def test_the_range_is_part_of_the_address(as_role: As, stub: StubPlatform, span: str, hours: int, step: int) -> None:
    as_role("expert").open("monitoring", span=span)
    asked = last(stub)
    length = datetime.fromisoformat(asked["until"]) - datetime.fromisoformat(asked["since"])
    assert length == timedelta(hours=hours)
    assert asked["step"] == str(step)
    assert length / timedelta(seconds=step) <= 120


def test_filters_reach_the_platform_and_narrow_all_of_the_page(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("monitoring")
    assert "of_version" not in {each.key for each in tab.selectbox}
    tab.selectbox(key="of_model").select("titanic").run()
    assert list(tab.selectbox(key="of_version").options) == ["Version 2", "Version 1", "No version"]
    tab.selectbox(key="of_version").select("1").run()
    tab.selectbox(key="of_caller").select("subscriber:s-1").run()
    stub.traffic.asked.clear()
    tab.run()
    assert {asked.get("by") for asked in stub.traffic.asked} == {None, "version", "caller"}
    for asked in stub.traffic.asked:
        assert (asked["model"], asked["version"], asked["caller"]) == ("titanic", "1", "subscriber:s-1")
    assert tab.metric[0].value == "900"


def test_what_was_refused_before_a_version_was_asked_can_be_chosen(as_role: As, stub: StubPlatform) -> None:
    tab = as_role("scientist").open("monitoring", of_model="titanic", of_version="No version")
    assert last(stub)["version"] == ""
    assert {each.label: each.value for each in tab.metric}["p95 latency"] == "-"


@pytest.mark.parametrize(
    ("by", "labels"),
    [
        ("Model", ["titanic", "iris"]),
        ("Version", ["titanic, version 1", "titanic, version 2", "iris, version 1", "titanic, no version"]),
        ("Caller", ["billing", "People", "Removed service 0a1b2c3d", "Nobody who is known"]),
    ],
)
def test_lines_apart(as_role: As, stub: StubPlatform, by: str, labels: list[str]) -> None:
    tab = as_role("admin").open("monitoring", by=by)
    told = charts(tab)
    assert len(told) == 3
    assert told[0].count("requests, error rate") == len(labels)
    assert all(f"{label}: " in told[0] for label in labels)
    kinds = [asked.get("by") for asked in stub.traffic.asked]
    assert len(kinds) == len(set(kinds))  # nothing is read twice


def test_lines_by_caller_are_not_offered_to_those_who_may_not_know(as_role: As, stub: StubPlatform) -> None:
    tab = as_role("expert").open("monitoring", by="Caller", of_caller="billing")
    assert list(tab.selectbox(key="by").options) == ["Model", "Version"]
    assert not [asked for asked in stub.traffic.asked if "caller" in asked or asked.get("by") == "caller"]
    assert not tab.error


def test_many_lines_are_drawn_in_part_and_this_is_said(as_role: As, stub: StubPlatform) -> None:
    stub.traffic.seen = [(f"model-{n}", "1", "people", None, (10 - n,)) for n in range(10)]
    browser = as_role("expert")
    tab = browser.open("monitoring", by="Model")
    assert charts(tab)[0].count("requests, error rate") == 8
    assert "The 8 busiest are drawn" in browser.words()
    assert len(tab.dataframe[0].value) == 10


def test_outcomes_are_stacked_and_as_wide_as_their_step() -> None:
    figures = {"requests": 10, "errors": 3, "refused": 2, "failed": 1, "rows": 10, "p50": 1.0, "p95": 1.0, "p99": 1.0}
    point: Any = {"at": "2026-11-23T12:00:00+00:00", **figures}
    parts = list(traffic_charts._stack(point, 900))
    assert [(part["outcome"], part["low"], part["high"]) for part in parts] == [
        ("answered", 0, 7),
        ("refused", 7, 9),
        ("failed", 9, 10),
    ]
    assert {(part["at"], part["until"]) for part in parts} == {(1795435200000.0, 1795436100000.0)}


def test_colours_tell_failures_from_answers(as_role: As) -> None:
    tab = as_role("expert").open("monitoring")
    color = specs(tab)[0]["encoding"]["color"]
    assert color["legend"]["values"] == ["answered", "refused", "failed"]
    assert [each for each in color["scale"]["domain"] if each] == color["legend"]["values"]


def test_times_are_of_the_browsers_zone_and_zeros_lie_on_the_ground(as_role: As, stub: StubPlatform) -> None:
    stub.traffic.seen = [("titanic", "1", "people", None, (10,))]
    tab = as_role("expert").open("monitoring")
    bars, errors, slow = ((each if "encoding" in each else each["layer"][0])["encoding"] for each in specs(tab))
    assert bars["x"]["type"] == "temporal"
    assert not {"timeUnit", "scale"} & set(bars["x"])  # nothing that would make it UTC
    assert errors["y"]["scale"] == {"domain": [0, 0.01]}
    assert slow["y"]["scale"] == {"zero": True}


def test_without_traffic_the_page_says_why_and_what_to_do(as_role: As, stub: StubPlatform) -> None:
    stub.traffic.seen = []
    browser = as_role("manager")
    tab = browser.open("monitoring", span="Hour")
    assert "No model was asked in the last hour" in browser.words()
    assert [each.proto.page for each in tab.get("page_link")] == ["predict"]
    assert not tab.metric
    assert not charts(tab)


def test_filters_that_fit_nothing_say_so(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    browser.open("monitoring", of_model="iris", of_caller="billing")
    assert "Nothing fits these filters in the last day" in browser.words()


@pytest.mark.parametrize(("path", "part"), [("summary", "page"), ("traffic", "figures")])
def test_a_failed_call_shows_the_request_id(as_role: As, stub: StubPlatform, path: str, part: str) -> None:
    browser = as_role("scientist")
    address = f"/v1/monitoring/{path}"
    stub.refusals["GET", address] = problem(503, "not-ready", "The database is starting.")
    tab = browser.open("monitoring")
    assert "database is starting" in tab.error[0].value
    assert "req-42" in browser.words()
    del stub.refusals["GET", address]
    tab.button(key=f"again_{part}").click().run()
    assert not tab.error
    assert tab.metric


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0.00002, "20 µs"), (0.0042, "4.2 ms"), (1.5, "1.5 s"), (0.9999, "1 s")]
)
def test_latencies_in_words(seconds: float | None, text: str) -> None:
    assert traffic.latency(seconds) == text


@pytest.mark.parametrize(
    ("part", "text"), [(None, "-"), (0.0, "0 %"), (0.00001, "under 0.01 %"), (0.0123, "1.23 %"), (1.0, "100 %")]
)
def test_shares_in_words(part: float | None, text: str) -> None:
    assert traffic.share(part) == text
