"""Every page for every role: what it shows, what it asks the platform for, and what it keeps to itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from frontend.access import PAGES
from tests.frontend.conftest import Browser
from tests.frontend.stub import PERMISSIONS, TITANIC, StubPlatform, job, problem

As = Callable[[str], Browser]
# Who opens what, once more and by hand: a page that is opened to more people is meant to be.
OF_ALL = ["home", "models", "predict", "monitoring", "account"]
OF_MAKERS = ["datasets", "train", "jobs", "experiments"]
OF_KEEPERS = ["subscribers", "certificates", "audit"]
OF_ROLES = {
    "expert": [*OF_ALL, *OF_MAKERS],
    "scientist": [*OF_ALL, *OF_MAKERS],
    "manager": [*OF_ALL, *OF_KEEPERS],
    "admin": [*OF_ALL, *OF_MAKERS, *OF_KEEPERS, "users"],
}
OPENED = [(role, page) for role in PERMISSIONS for page in PAGES]


def agree(tab: AppTest, opener: str, typed: str = "") -> None:
    """Answer a question; the test runner closes a dialog at each run, so the button that opened it is pressed along."""
    tab.button(key=opener).click().run()
    if typed:
        tab.text_input(key="confirm_typed").set_value(typed)
        tab.button(key=opener).click().run()
    tab.button(key=opener).click()
    if not tab.button(key="confirm_yes").disabled:
        tab.button(key="confirm_yes").click().run()
    assert not tab.exception


@pytest.mark.parametrize(("role", "page"), OPENED, ids=[f"{role}-{page.address}" for role, page in OPENED])
def test_a_page_opens_for_those_who_may_and_asks_nothing_for_others(
    as_role: As, stub: StubPlatform, role: str, page
) -> None:  # type: ignore[no-untyped-def]
    browser = as_role(role)
    stub.calls.clear()
    browser.open(page.address)
    assert browser.tab.title[0].value == page.title
    allowed = page.address in OF_ROLES[role]
    assert ("does not open" in browser.words()) is not allowed
    assert bool(stub.calls) is allowed


def test_home_shows_models_and_training(as_role: As) -> None:
    browser = as_role("expert")
    browser.open("home")
    assert "ROC AUC **0.8712**" in browser.words()
    assert "23 Nov 2026, 13:00" in browser.words()


def test_home_tells_a_newcomer_the_first_steps(as_role: As, stub: StubPlatform) -> None:
    stub.jobs, stub.models, stub.datasets = [], [], []
    browser = as_role("scientist")
    browser.open("home")
    assert "First steps" in browser.words()


EMPTY = [
    ("datasets", "No tables yet"),
    ("train", "no table to learn from"),
    ("jobs", "Nothing was trained"),
    ("models", "no model yet"),
]


@pytest.mark.parametrize(("address", "text"), [*EMPTY, ("predict", "no model to ask")])
def test_empty_lists_say_what_to_do(as_role: As, stub: StubPlatform, address: str, text: str) -> None:
    stub.jobs, stub.models, stub.datasets = [], [], []
    browser = as_role("scientist")
    browser.open(address)
    assert text in browser.words()


LISTS = {
    "datasets": "/v1/datasets",
    "jobs": "/v1/jobs",
    "models": "/v1/models",
    "home": "/v1/models",
    "predict": "/v1/models",
}


@pytest.mark.parametrize(("address", "path"), LISTS.items())
def test_a_failed_call_shows_the_request_id(as_role: As, stub: StubPlatform, address: str, path: str) -> None:
    stub.refusals["GET", path] = problem(503, "not-ready", "MLflow is starting.")
    browser = as_role("scientist")
    tab = browser.open(address)
    assert "MLflow is starting" in tab.error[0].value
    assert "req-42" in browser.words()
    del stub.refusals["GET", path]
    tab.button(key="again_page").click().run()
    assert not tab.error


def test_an_unreachable_platform_is_said_so(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("scientist")
    stub.is_down = True
    tab = browser.open("jobs")
    assert "cannot be reached" in tab.error[0].value


def test_names_of_others_are_not_markup(as_role: As, stub: StubPlatform) -> None:
    stub.jobs = [job("j-9", "failed", error="**bold** [link](https://x.test) <b>", created_by="<i>*eve*")]
    browser = as_role("scientist")
    tab = browser.open("jobs", id="j-9")
    assert "\\*\\*bold\\*\\*" in tab.error[0].value
    assert "](https" not in tab.error[0].value


def test_dataset_profile(as_role: As) -> None:
    browser = as_role("expert")
    tab = browser.open("datasets", id="d-1")
    table = tab.dataframe[0].value
    assert list(table["Column"]) == ["survived", "pclass", "sex", "age", "embarked"]
    assert table["Missing"][3] == pytest.approx(177 / 891)
    assert table["Range"][3] == "0.42 to 80"
    assert "deck" in tab.warning[0].value


def test_a_table_that_is_too_wide_for_charts_says_so(as_role: As, stub: StubPlatform) -> None:
    plain = [{"name": f"c{number}", "type": "integer", "missing": 0, "distinct": 9} for number in range(1200)]
    stub.datasets = [{**TITANIC, "columns": plain}]
    browser = as_role("expert")
    tab = browser.open("datasets", id="d-1")
    assert list(tab.dataframe[0].value.columns) == ["Column", "Kind", "Missing", "Different values", "For example"]
    assert "left out where a table has so many" in browser.words()


def test_deleting_a_dataset_asks_for_its_name(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("expert")
    tab = browser.open("datasets", id="d-1")
    tab.button(key="delete_dataset").click().run()
    assert "891 rows are removed for good" in browser.words()
    assert tab.button(key="confirm_yes").disabled
    agree(tab, "delete_dataset", "titani")
    assert ("DELETE", "/v1/datasets/d-1") not in stub.calls
    agree(tab, "delete_dataset", "titanic")
    assert ("DELETE", "/v1/datasets/d-1") in stub.calls


def test_a_running_job_shows_its_progress_and_can_be_cancelled(as_role: As, stub: StubPlatform) -> None:
    stub.jobs = [job("j-2", "running", progress=0.3, step="fitting", warnings=["Column 'id' was set aside."])]
    browser = as_role("expert")
    tab = browser.open("jobs", id="j-2")
    assert "Column 'id' was set aside" in tab.warning[0].value
    agree(tab, "cancel_job")
    assert ("POST", "/v1/jobs/j-2/cancel") in stub.calls


def test_a_finished_job_shows_metrics_and_plots(as_role: As) -> None:
    browser = as_role("expert")
    tab = browser.open("jobs", id="j-1")
    assert [metric.label for metric in tab.metric] == ["ROC AUC", "Accuracy", "F1", "Log loss"]
    assert len(tab.get("vega_lite_chart")) == 4


def test_a_failed_job_says_why(as_role: As, stub: StubPlatform) -> None:
    stub.jobs = [job("j-3", "failed", error="The class 'yes' has one row.")]
    browser = as_role("expert")
    tab = browser.open("jobs", id="j-3")
    assert tab.error[0].value == "The class 'yes' has one row\\."


def test_a_missing_thing_is_said_so(as_role: As) -> None:
    browser = as_role("expert")
    tab = browser.open("jobs", id="nothing")
    assert "no such job" in tab.error[0].value


def test_promotion_names_object_and_effect(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("scientist")
    tab = browser.open("models", model="titanic")
    assert "champion" in browser.words() or tab.get("badge")
    assert not [button for button in tab.button if button.key == "promote"]
    tab.selectbox(key="version_titanic").select("2").run()
    assert tab.metric[0].delta == "+0.0288"
    tab.button(key="promote").click().run()
    assert "version 2 instead of version 1" in browser.words()
    agree(tab, "promote", "titanic")
    assert stub.models[0]["aliases"] == {"champion": "2"}


def test_only_scientists_promote(as_role: As) -> None:
    browser = as_role("expert")
    tab = browser.open("models", model="titanic")
    tab.selectbox(key="version_titanic").select("2").run()
    assert not [button for button in tab.button if button.key == "promote"]


def test_predict_by_the_form_of_the_schema(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("predict")
    assert tab.number_input(key="in_titanic_pclass").value == 3
    tab.number_input(key="in_titanic_age").set_value(None)
    tab.selectbox(key="in_titanic_sex").set_value("female")
    tab.button(key="ask_titanic").click().run()
    asked = stub.bodies[stub.calls.index(("POST", "/v1/models/titanic/predict"))]["features"]
    assert asked == {"pclass": 3, "sex": "female", "age": None, "alone": True, "boarded": "1912-04-10"}
    assert tab.metric[0].value == "0"
    assert "version 1, in " in browser.words()
    shell, program, by_certificate, its_program = (code.value for code in tab.code)
    assert "/v1/models/titanic/predict'" in shell
    assert "Bearer $TOKEN" in shell
    assert "--cert client.pem --key client.key" in by_certificate
    assert "Bearer" not in by_certificate
    for text, proof in ((program, 'os.environ["TOKEN"]'), (its_program, '("client.pem", "client.key")')):
        assert proof in text
        assert "'age': None" in text
        compile(text, "program", "exec")


def test_predict_shows_what_each_column_contributed(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("expert")
    browser.open("predict").button(key="ask_titanic").click().run()
    asked = [number for number, call in enumerate(stub.calls) if call[1].startswith("/v1/models/titanic/")]
    explained = [number for number in asked if stub.calls[number] == ("POST", "/v1/models/titanic/explain")]
    assert len(explained) == 1
    assert stub.bodies[explained[0]]["features"]["age"] == 22.0
    assert "starts from 0.5, and with all columns reaches 1.9" in browser.words()


def test_predict_without_contributions_still_answers(as_role: As, stub: StubPlatform) -> None:
    address = ("POST", "/v1/models/titanic/explain")
    stub.refusals[address] = problem(409, "conflict", "The algorithm 'gower' does not tell.")
    browser = as_role("manager")
    tab = browser.open("predict").button(key="ask_titanic").click().run()
    assert not tab.error
    assert "does not tell" in browser.words()
    stub.refusals[address] = problem(503, "not-ready", "Its files are away.")
    tab = browser.open("predict").button(key="ask_titanic").click().run()
    assert "Its files are away" in tab.error[0].value
    assert tab.metric[0].value == "0"
    assert len(tab.code) == 4


def test_predict_asks_for_what_may_not_be_missing(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("predict")
    tab.text_input(key="in_titanic_boarded").set_value(" ")
    tab.button(key="ask_titanic").click().run()
    assert "boarded" in tab.error[0].value
    assert ("POST", "/v1/models/titanic/predict") not in stub.calls


def test_predict_names_the_field_that_the_model_refuses(as_role: As) -> None:
    browser = as_role("manager")
    tab = browser.open("predict")
    tab.number_input(key="in_titanic_age").set_value(13)
    tab.button(key="ask_titanic").click().run()
    assert "**age** is unlucky" in tab.error[0].value
