"""The page on which training is begun: what is guessed, what is chosen, what it says it will do, and what it sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.frontend.conftest import Browser
from tests.frontend.stub import TITANIC, StubPlatform, job, problem

As = Callable[[str], Browser]
CHOICES = [("Only some", ["age", "sex"], ["age", "sex"]), ("All but some", ["age", "sex"], ["pclass", "embarked"])]


def sent(stub: StubPlatform) -> Any:
    """What the platform was asked to train."""
    return stub.bodies[stub.calls.index(("POST", "/v1/jobs"))]


def test_training_sends_only_what_was_chosen(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("expert")
    tab = browser.open("train")
    assert tab.selectbox(key="target_d-1").value == "survived"
    tab.number_input(key="hyper_xgboost_max_depth").set_value(3)
    tab.button(key="start").click().run()
    assert sent(stub) == {
        "dataset_id": "d-1",
        "target": "survived",
        "model": "titanic",
        "algorithm": "xgboost",
        "hyperparameters": {"max_depth": 3},
        "seed": 0,
    }


def test_a_refused_job_is_explained_where_it_was_asked(as_role: As, stub: StubPlatform) -> None:
    stub.refusals["POST", "/v1/jobs"] = problem(
        422, "training-impossible", "'survived' has the same value in every row."
    )
    browser = as_role("expert")
    tab = browser.open("train")
    tab.button(key="start").click().run()
    assert "same value in every row" in tab.error[0].value


def test_datasets_of_one_name_are_told_apart(as_role: As, stub: StubPlatform) -> None:
    stub.datasets = [{**TITANIC, "id": "aaaaaaaa-1"}, {**TITANIC, "id": "bbbbbbbb-2"}]
    browser = as_role("expert")
    tab = browser.open("train", dataset="bbbbbbbb-2")
    assert len(set(tab.selectbox(key="dataset").options)) == 2
    tab.selectbox(key="target_bbbbbbbb-2").set_value("sex").run()
    assert tab.selectbox(key="target_bbbbbbbb-2").value == "sex"


@pytest.mark.parametrize(("way", "named", "used"), CHOICES, ids=[way for way, _, _ in CHOICES])
def test_columns_are_chosen_or_left_out_by_name(
    as_role: As, stub: StubPlatform, way: str, named: list[str], used: list[str]
) -> None:
    browser = as_role("scientist")
    tab = browser.open("train")
    tab.segmented_control(key="which_columns").set_value(way).run()
    columns = tab.multiselect(key=f"{way}_d-1_survived")
    assert columns.value == []
    columns.set_value(named).run()
    assert "From 2 chosen columns" in browser.words()
    tab.button(key="start").click().run()
    assert sent(stub)["columns"] == used


def test_nothing_is_trained_from_no_column(as_role: As) -> None:
    browser = as_role("scientist")
    tab = browser.open("train")
    tab.segmented_control(key="which_columns").set_value("Only some").run()
    assert tab.button(key="start").disabled
    assert "Choose the columns to learn from first" in browser.words()
    tab.segmented_control(key="which_columns").set_value("All but some").run()
    assert not tab.button(key="start").disabled


def test_what_will_be_done_is_said_before(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("expert")
    tab = browser.open("train")
    assert "From the other 4 columns of **titanic** (891 rows), xgboost learns to tell **survived**: yes or no" in (
        browser.words()
    )
    assert "a new version of **titanic**; version 1 goes on answering until it is promoted" in browser.words()
    tab.text_input(key="model_d-1").set_value("iceberg").run()
    assert "It becomes the model **iceberg**" in browser.words()
    tab.selectbox(key="task_survived").set_value("regression").run()
    assert "learns to tell **survived**: a number" in browser.words()


def test_a_training_that_failed_is_changed_and_not_begun_from_nothing(as_role: As, stub: StubPlatform) -> None:
    stub.jobs = [job("j-9", "failed", error="Too few rows.", target="age", model="ages")]
    browser = as_role("expert")
    tab = browser.open("jobs", id="j-9")
    assert "dataset=d-1&target=age&model=ages" in str(tab.get("page_link")[1].proto)
    tab = browser.open("train", dataset="d-1", target="age", model="ages")
    assert (tab.selectbox(key="target_d-1").value, tab.text_input(key="model_d-1").value) == ("age", "ages")


def test_a_link_says_nothing_of_another_dataset(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("expert")
    tab = browser.open("train", dataset="gone", target="age", model="ages")
    assert (tab.selectbox(key="target_d-1").value, tab.text_input(key="model_d-1").value) == ("survived", "titanic")
