"""Subscribers and certificates: what is shown, asked, told once and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.frontend.conftest import Browser
from tests.frontend.stub import StubPlatform, problem
from tests.frontend.stub_people import WHEN
from tests.frontend.test_pages import agree

As = Callable[[str], Browser]


def sent(stub: StubPlatform, method: str, path: str) -> Any:
    """What the platform was asked last by this method at this path."""
    last = max(number for number, call in enumerate(stub.calls) if call == (method, path))
    return stub.bodies[last]


def codes(tab: AppTest) -> str:
    return "\n".join(each.value for each in tab.code)


def press(tab: AppTest, opener: str, button: str) -> None:
    """Press a button in a dialog; the test runner closes a dialog at each run, so what opened it is pressed along."""
    tab.button(key=opener).click()
    tab.button(key=button).click().run()
    assert not tab.exception


def fill(tab: AppTest, opener: str, key: str, value: str) -> None:
    tab.button(key=opener).click()
    tab.text_input(key=key).set_value(value).run()


EMPTY = [
    ("subscribers", "No service is admitted"),
    ("certificates", "no service is admitted"),
    ("audit", "Nothing has"),
]


@pytest.mark.parametrize(("address", "text"), EMPTY)
def test_empty_lists_say_what_to_do(as_role: As, stub: StubPlatform, address: str, text: str) -> None:
    stub.people.subscribers, stub.people.certificates, stub.people.events = [], [], []
    browser = as_role("manager")
    browser.open(address)
    assert text in browser.words()


LISTS = {
    "subscribers": "/v1/subscribers",
    "certificates": "/v1/certificates",
    "users": "/v1/users",
    "audit": "/v1/audit",
    "account": "/v1/me",
}


@pytest.mark.parametrize(("address", "path"), LISTS.items())
def test_a_failed_call_shows_the_request_id(as_role: As, stub: StubPlatform, address: str, path: str) -> None:
    browser = as_role("admin")
    stub.refusals["GET", path] = problem(503, "not-ready", "The database is starting.")
    tab = browser.open(address)
    assert "database is starting" in tab.error[0].value
    assert "req-42" in browser.words()


def test_subscribers_tell_what_they_may_and_what_they_hold(as_role: As) -> None:
    browser = as_role("manager")
    browser.open("subscribers")
    told = browser.words()
    assert "titanic · 600 a minute" in told
    assert "every model · 600 a minute" in told
    assert "Renewal due: 2 valid certificates" in told
    assert "No valid certificate" in told


def test_a_service_is_admitted(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("subscribers")
    tab.button(key="new_subscriber").click().run()
    assert tab.button(key="create_subscriber").disabled
    fill(tab, "new_subscriber", "new_name", "ledger")
    tab.multiselect(key="new_models").set_value(["titanic"])
    press(tab, "new_subscriber", "create_subscriber")
    assert sent(stub, "POST", "/v1/subscribers") == {
        "name": "ledger",
        "description": "",
        "models": ["titanic"],
        "rate_per_minute": None,
        "daily_quota": None,
        "certificate_hours": None,
    }
    assert tab.header[0].value == "ledger"


def test_the_enrolment_token_is_shown_once_with_lines_to_copy(as_role: As) -> None:
    browser = as_role("manager")
    tab = browser.open("subscribers", id="s-1")
    tab.button(key="enrol").click().run()
    assert "token=enrol-me-once" in codes(tab)
    assert "/.well-known/est/simpleenroll" in codes(tab)
    assert "shown once" in browser.words()
    tab.button(key="told_done").click().run()
    assert "enrol-me-once" not in codes(tab)
    assert "enrol-me-once" not in repr(tab.session_state)


def test_suspending_names_the_effect_and_asks_for_the_name(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("subscribers", id="s-1")
    tab.button(key="suspend").click().run()
    assert "is refused, on open connections too" in browser.words()
    agree(tab, "suspend", "bil")
    assert stub.people.subscribers[0]["state"] == "active"
    agree(tab, "suspend", "billing")
    assert sent(stub, "PATCH", "/v1/subscribers/s-1") == {"state": "suspended"}


def test_a_suspended_subscriber_is_resumed_and_gets_nothing_before(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("subscribers", id="s-2")
    assert not {"enrol", "issue", "suspend"} & {button.key for button in tab.button}
    agree(tab, "resume")
    assert stub.people.subscribers[1]["state"] == "active"


def test_deleting_a_subscriber_asks_for_its_name(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("subscribers", id="s-1")
    agree(tab, "delete_subscriber", "billing")
    assert ("DELETE", "/v1/subscribers/s-1") in stub.calls


def test_only_changed_terms_are_sent(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("subscribers", id="s-1")
    tab.number_input(key="terms_s-1_quota").set_value(5000)
    tab.multiselect(key="terms_s-1_models").set_value(["*", "titanic"])
    tab.button(key="save_terms").click().run()
    assert sent(stub, "PATCH", "/v1/subscribers/s-1") == {"daily_quota": 5000, "models": ["*"]}


def test_what_was_done_to_a_subscriber_is_asked_of_the_journal(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("subscribers", id="s-1")
    assert {"target": "subscriber:s-1", "limit": "50"} in stub.people.told
    assert list(tab.dataframe[0].value["What"]) == ["Subscriber suspended", "Subscriber created"]


def test_certificates_with_the_year_ahead(as_role: As) -> None:
    browser = as_role("manager")
    tab = browser.open("certificates")
    assert len(tab.get("vega_lite_chart")) == 1
    assert "Revocation list: 0 certificates, made 3 hours ago" in browser.words()
    assert "3 certificates" in browser.words()
    assert "the key was stolen" in browser.words()


def test_filters_of_certificates_reach_the_platform(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("certificates")
    tab.selectbox(key="filter_subscriber").select("s-1")
    tab.selectbox(key="filter_state").select("revoked")
    tab.selectbox(key="filter_ends_within").select("30").run()
    assert stub.people.told[-1] == {"subscriber": "s-1", "state": "revoked", "expiring_within_days": "30"}
    assert "1 certificate" in browser.words()
    assert "revoked" in tab.query_params["state"]
    tab.selectbox(key="filter_state").set_value(None).run()
    assert "state" not in tab.query_params


def test_filters_of_certificates_come_from_the_address(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    browser.open("certificates", state="revoked", subscriber="nobody")
    assert stub.people.told[-1] == {"state": "revoked"}


def test_a_certificate_is_issued_from_a_pasted_request(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("certificates")
    tab.button(key="issue").click().run()
    assert tab.button(key="issue_yes").disabled
    assert tab.selectbox(key="issue_owner").options == ["billing"]
    tab.button(key="issue").click()
    tab.text_area(key="issue_csr").set_value("-----BEGIN CERTIFICATE REQUEST-----").run()
    press(tab, "issue", "issue_yes")
    assert sent(stub, "POST", "/v1/subscribers/s-1/certificates") == {"csr": "-----BEGIN CERTIFICATE REQUEST-----\n"}
    assert "BEGIN CERTIFICATE" in codes(tab)


def test_a_bad_request_is_told_where_it_was_pasted(as_role: As) -> None:
    browser = as_role("manager")
    tab = browser.open("certificates")
    tab.button(key="issue").click().run()
    tab.button(key="issue").click()
    tab.text_area(key="issue_csr").set_value("nonsense").run()
    press(tab, "issue", "issue_yes")
    assert "no signing request" in tab.error[0].value


def test_a_key_made_here_is_told_once_and_its_file_not_at_all(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("subscribers", id="s-1")
    tab.button(key="issue").click().run()
    tab.button(key="issue").click()
    tab.radio(key="issue_way").set_value("A key made here").run()
    press(tab, "issue", "issue_yes")
    assert "opens-the-file" in codes(tab)
    # The file waits at the platform for the browser; this process never asked for it.
    assert not stub.people.fetched
    tab.button(key="told_done").click().run()
    assert "opens-the-file" not in codes(tab)


def test_revoking_asks_for_a_reason_and_the_name(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("certificates", serial="0a1b2c3d4e5f")
    tab.button(key="revoke").click().run()
    assert "open connections included" in browser.words()
    tab.button(key="revoke").click()
    tab.selectbox(key="revoke_reason").select("keyCompromise").run()
    fill(tab, "revoke", "confirm_typed", "billing")
    press(tab, "revoke", "confirm_yes")
    assert sent(stub, "POST", "/v1/certificates/0a1b2c3d4e5f/revoke") == {"reason": "keyCompromise"}
    assert not [button for button in tab.button if button.key == "revoke"]


def test_names_of_others_are_not_markup(as_role: As, stub: StubPlatform) -> None:
    stub.people.subscribers[0].update(description="**bold** [x](https://x.test)")
    stub.people.certificates[2].update(revoked_at=WHEN)
    browser = as_role("manager")
    browser.open("subscribers", id="s-1")
    assert "**bold**" not in browser.words()
    assert "](https" not in browser.words()
