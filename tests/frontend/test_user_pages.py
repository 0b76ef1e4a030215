"""Users, the journal and one's own account: what is shown, asked, told once and refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import segno
from streamlit.testing.v1 import AppTest

from frontend.views import second_factor
from tests.frontend.conftest import Browser
from tests.frontend.stub import PASSWORD, StubPlatform, problem
from tests.frontend.stub_people import event
from tests.frontend.test_pages import agree
from tests.frontend.test_people_pages import codes, fill, press, sent

As = Callable[[str], Browser]


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
    assert asked["password"] in codes(tab), "a run that follows by itself must not take it away unread"
    tab.button(key="told_done").click().run()
    assert asked["password"] not in codes(tab)


def test_the_last_administrator_stays_in_the_words_of_the_platform(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("admin")
    tab = browser.open("users", id="u-1")
    agree(tab, "disable")
    assert "last administrator cannot be removed" in tab.error[0].value
    assert stub.people.users[0]["disabled_at"] is None


ACTS = [
    ("u-1", "reset_otp", "ada", ("DELETE", "/v1/users/u-1/otp"), "signs in with the password alone"),
    ("u-1", "end_sessions", "", ("DELETE", "/v1/users/u-1/sessions"), "signed out at once in **3 places**"),
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


def test_subscribers_go_by_their_names_in_the_journal(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("manager")
    tab = browser.open("audit", target="subscriber:billing")
    assert set(tab.dataframe[0].value["To what"]) == {"subscriber:billing"}
    assert stub.people.told[-1]["target"] == "subscriber:s-1"


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
    (picture,) = tab.get("image")
    assert picture.proto.imgs[0].url.startswith("data:image/svg+xml;base64,")
    tab.text_input(key="confirm_password").set_value(PASSWORD)
    tab.text_input(key="confirm_code").set_value("000000")
    tab.button(key="confirm_otp").click().run()
    assert "password or the code is wrong" in tab.error[0].value
    tab.text_input(key="confirm_code").set_value("123456")
    tab.button(key="confirm_otp").click().run()
    assert "AAAA-BBBB\nCCCC-DDDD" in codes(tab)
    tab.button(key="told_done").click().run()
    assert "AAAA" not in codes(tab)
    assert "JBSWY3DPEHPK3PXP" not in repr(tab.session_state)


def test_the_picture_of_a_secret_is_read_as_the_same() -> None:
    drawn = second_factor.qr_code("otpauth://totp/Signet:ann?secret=JBSWY3DPEHPK3PXP&issuer=Signet")
    expected = segno.make_qr("otpauth://totp/Signet:ann?secret=JBSWY3DPEHPK3PXP&issuer=Signet", error="m")
    assert drawn.startswith("<svg")
    assert 'fill="#fff"' in drawn
    assert f'width="{(expected.symbol_size(border=3)[0]) * 6}"' in drawn
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def test_a_second_factor_that_began_elsewhere_is_said_so(as_role: As, stub: StubPlatform) -> None:
    tab = as_role("expert").open("account")
    stub.people.has_otp = True
    stub.refusals["GET", "/v1/me"] = stub.me_without_factor("expert")
    tab.button(key="begin_otp").click().run()
    assert "Remove it first" in tab.info[0].value


def test_a_second_factor_is_removed_with_password_and_code(as_role: As, stub: StubPlatform) -> None:
    stub.people.has_otp = True
    tab = as_role("expert").open("account")
    assert "begin_otp" not in [button.key for button in tab.button]
    tab.text_input(key="remove_password").set_value(PASSWORD)
    tab.text_input(key="remove_code").set_value("123456")
    tab.button(key="remove_otp").click().run()
    assert not stub.people.has_otp


def test_few_recovery_codes_are_warned_of_and_made_anew(as_role: As, stub: StubPlatform) -> None:
    stub.people.has_otp = True
    stub.people.recovery_codes = 10
    browser = as_role("expert")
    tab = browser.open("account")
    assert "10 recovery codes left" in browser.words()
    assert not tab.warning
    stub.people.recovery_codes = 1
    assert "1 recovery code left. Make new ones" in browser.open("account").warning[0].value
    tab.text_input(key="renew_password").set_value(PASSWORD)
    tab.text_input(key="renew_code").set_value("000000")
    tab.button(key="renew_codes").click().run()
    assert "password or the code is wrong" in tab.error[0].value
    tab.text_input(key="renew_code").set_value("123456")
    tab.button(key="renew_codes").click().run()
    assert "EEEE-FFFF" in codes(tab)
    tab.button(key="told_done").click().run()
    assert "EEEE-FFFF" not in codes(tab)


def test_a_person_sees_where_they_are_signed_in_and_ends_what_they_do_not_know(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("expert")
    tab = browser.open("account")
    words = browser.words()
    assert "Firefox on Linux" in words
    assert "198\\.51\\.100\\.9" in words
    assert "Address not known" in words
    assert "end_s-now" not in [button.key for button in tab.button]
    tab.button(key="end_s-phone").click().run()
    assert "Chrome on Android** from 198" in browser.words()
    agree(tab, "end_s-phone")
    assert [each["id"] for each in stub.signed_in_at] == ["s-now", "s-job"]
    tab.button(key="end_others").click().run()
    assert "1 other place" in browser.words()
    agree(tab, "end_others")
    assert [each["id"] for each in stub.signed_in_at] == ["s-now"]
    browser.open("account")
    assert "end_others" not in [button.key for button in tab.button]


def test_a_session_that_is_over_meanwhile_is_what_was_wanted(as_role: As, stub: StubPlatform) -> None:
    tab = as_role("expert").open("account")
    stub.refusals["DELETE", "/v1/me/sessions/s-phone"] = problem(404, "not-found", "There is no such session.")
    agree(tab, "end_s-phone")
    assert not tab.error
    assert tab.title[0].value == "Account"


def test_sessions_that_cannot_be_read_leave_the_rest_of_the_account(as_role: As, stub: StubPlatform) -> None:
    stub.refusals["GET", "/v1/me/sessions"] = problem(503, "not-ready", "Not now.")
    tab = as_role("expert").open("account")
    assert "Not now" in tab.error[0].value
    assert tab.text_input(key="password_now").label == "Present password"


def test_a_user_who_is_signed_in_nowhere(as_role: As, stub: StubPlatform) -> None:
    stub.signed_in_at.clear()
    browser = as_role("admin")
    tab = browser.open("users", id="u-1")
    assert "Nowhere at this moment" in browser.words()
    assert "end_sessions" not in [button.key for button in tab.button]
