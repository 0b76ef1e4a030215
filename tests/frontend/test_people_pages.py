"""Subscribers, certificates, users, the journal and one's own account: what is shown, asked, told once and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.frontend.conftest import Browser
from tests.frontend.stub import PASSWORD, StubPlatform, problem
from tests.frontend.stub_people import WHEN, event
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
    tab.run()
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
    tab.selectbox(key="subscriber").select("s-1")
    tab.selectbox(key="state").select("revoked")
    tab.selectbox(key="ends_within").select("30").run()
    assert stub.people.told[-1] == {"subscriber": "s-1", "state": "revoked", "expiring_within_days": "30"}
    assert "1 certificate" in browser.words()


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
    tab.run()
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


def test_users_are_listed_with_what_is_special(as_role: As) -> None:
    browser = as_role("admin")
    tab = browser.open("users")
    assert "2 users" in browser.words()
    assert list(tab.dataframe[0].value.columns) == ["May", "Domain expert", "Administrator"]


def test_a_new_user_gets_a_password_that_is_shown_once(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("admin")
    tab = browser.open("users")
    tab.button(key="new_user").click().run()
    fill(tab, "new_user", "create_username", "grace")
    tab.button(key="new_user").click()
    tab.selectbox(key="create_role").select("scientist").run()
    press(tab, "new_user", "create_user")
    asked = sent(stub, "POST", "/v1/users")
    assert (asked["username"], asked["role"]) == ("grace", "scientist")
    assert len(asked["password"]) == 23
    assert asked["password"] in codes(tab)
    tab.run()
    assert asked["password"] not in codes(tab)


def test_the_last_administrator_stays_in_the_words_of_the_platform(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("admin")
    tab = browser.open("users", id="u-1")
    agree(tab, "disable")
    assert "last administrator cannot be removed" in tab.error[0].value
    assert stub.people.users[0]["disabled_at"] is None


ACTS = [
    ("u-1", "reset_otp", "ada", ("DELETE", "/v1/users/u-1/otp"), "signs in with the password alone"),
    ("u-2", "enable", "", ("PATCH", "/v1/users/u-2"), "can sign in again"),
    ("u-2", "delete_user", "eve", ("DELETE", "/v1/users/u-2"), "removed for good"),
]


@pytest.mark.parametrize(("user_id", "opener", "typed", "call", "effect"), ACTS, ids=[act[1] for act in ACTS])
def test_acts_on_users_name_their_effect(
    as_role: As, stub: StubPlatform, user_id: str, opener: str, typed: str, call: tuple[str, str], effect: str
) -> None:
    browser = as_role("admin")
    tab = browser.open("users", id=user_id)
    tab.button(key=opener).click().run()
    assert effect in browser.words()
    assert call not in stub.calls
    agree(tab, opener, typed)
    assert call in stub.calls


def test_another_role(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("admin")
    tab = browser.open("users", id="u-2")
    assert tab.button(key="change_role").disabled
    tab.selectbox(key="role_u-2").select("scientist").run()
    agree(tab, "change_role")
    assert sent(stub, "PATCH", "/v1/users/u-2") == {"role": "scientist"}


def test_another_password_of_somebody_else(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("admin")
    tab = browser.open("users", id="u-2")
    agree(tab, "new_password")
    assert sent(stub, "PATCH", "/v1/users/u-2")["password"] in codes(tab)


def test_the_journal_with_filters(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("audit")
    table = tab.dataframe[0].value
    assert list(table["No."]) == [2, 1]
    assert (table["When"][0], table["UTC"][0]) == ("23 Nov 2026, 13:00", "2026-11-23 12:00:00")
    assert table["Details"][0] == "models: titanic"
    tab.selectbox(key="event").select("subscriber.created")
    tab.text_input(key="actor").set_value(" manager ").run()
    assert stub.people.told[-1] == {"event": "subscriber.created", "actor": "manager", "limit": "100"}


def test_days_of_the_journal_begin_where_the_person_is(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("audit", since="2026-11-01", until="2026-11-02")
    told = stub.people.told[-1]
    assert (told["since"], told["until"]) == ("2026-11-01T00:00:00+01:00", "2026-11-03T00:00:00+01:00")
    assert not tab.error


def test_older_events(as_role: As, stub: StubPlatform) -> None:
    stub.people.events = [event(number, "token.issued") for number in range(250, 0, -1)]
    browser = as_role("manager")
    tab = browser.open("audit")
    assert len(tab.dataframe[0].value) == 100
    tab.button(key="more").click().run()
    assert len(tab.dataframe[0].value) == 250
    assert "That is all" in browser.words()


def test_the_verdict_of_a_whole_journal(as_role: As) -> None:
    browser = as_role("manager")
    tab = browser.open("audit")
    tab.button(key="verify").click().run()
    assert "The journal is whole: 2 events" in tab.success[0].value
    assert "1" * 64 in codes(tab)


def test_the_verdict_of_a_changed_journal(as_role: As, stub: StubPlatform) -> None:
    stub.people.verdict = {"events": 7, "ok": False, "first_broken": 3}
    browser = as_role("manager")
    tab = browser.open("audit")
    tab.button(key="verify").click().run()
    assert "wrong is number 3 of 7 events" in tab.error[0].value


def change_password(tab: AppTest, current: str, new: str, again: str) -> None:
    tab.text_input(key="password_now").set_value(current)
    tab.text_input(key="password_new").set_value(new)
    tab.text_input(key="password_again").set_value(again)
    tab.button(key="change_password").click().run()


WRONG = [
    ("", "", "", "Type your present password"),
    (PASSWORD, "one new password", "another new password", "not the same"),
    (PASSWORD, PASSWORD, PASSWORD, "is the present one"),
    ("wrong", "one new password", "one new password", "present password is wrong"),
]


@pytest.mark.parametrize(("current", "new", "again", "text"), WRONG)
def test_a_password_that_is_not_changed(as_role: As, current: str, new: str, again: str, text: str) -> None:
    browser = as_role("expert")
    tab = browser.open("account")
    change_password(tab, current, new, again)
    assert text in tab.error[0].value
    assert tab.title[0].value == "Account"


def test_a_changed_password_ends_the_session(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("expert")
    tab = browser.open("account")
    change_password(tab, PASSWORD, "one new password", "one new password")
    assert sent(stub, "PUT", "/v1/me/password") == {"current": PASSWORD, "new": "one new password"}
    assert tab.text_input[0].label == "Username"
    assert "password was changed" in tab.info[0].value


def test_a_second_factor_from_the_secret_to_the_recovery_codes(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("expert")
    tab = browser.open("account")
    tab.button(key="begin_otp").click().run()
    assert "JBSWY3DPEHPK3PXP" in codes(tab)
    tab.text_input(key="confirm_password").set_value(PASSWORD)
    tab.text_input(key="confirm_code").set_value("000000")
    tab.button(key="confirm_otp").click().run()
    assert "password or the code is wrong" in tab.error[0].value
    tab.text_input(key="confirm_code").set_value("123456")
    tab.button(key="confirm_otp").click().run()
    assert "AAAA-BBBB\nCCCC-DDDD" in codes(tab)
    tab.run()
    assert "AAAA" not in codes(tab)
    assert "JBSWY3DPEHPK3PXP" not in repr(tab.session_state)


def test_a_second_factor_is_removed_with_password_and_code(as_role: As, stub: StubPlatform) -> None:
    stub.people.has_otp = True
    browser = as_role("expert")
    tab = browser.open("account")
    tab.button(key="begin_otp").click().run()
    assert "Remove it first" in tab.info[0].value
    tab.text_input(key="remove_password").set_value(PASSWORD)
    tab.text_input(key="remove_code").set_value("123456")
    tab.button(key="remove_otp").click().run()
    assert not stub.people.has_otp


def test_names_of_others_are_not_markup(as_role: As, stub: StubPlatform) -> None:
    stub.people.subscribers[0].update(description="**bold** [x](https://x.test)")
    stub.people.certificates[2].update(revoked_at=WHEN)
    browser = as_role("manager")
    browser.open("subscribers", id="s-1")
    assert "**bold**" not in browser.words()
    assert "](https" not in browser.words()
