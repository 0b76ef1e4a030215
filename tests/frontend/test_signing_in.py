"""Signing in and out at the form; sessions that end, are taken over or were never begun."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from streamlit.testing.v1 import AppTest

from backend.pki.authority import Authority
from backend.pki.certifying import pem
from backend.pki.keystore import private_pem, write_private
from frontend import authenticator, upstream
from frontend.sessions import Visitor
from frontend.settings import Settings
from signet_client import Signet, Unreachable
from tests.certifying import new_key
from tests.frontend.conftest import AGENT, MAIN, Browser
from tests.frontend.stub import PASSWORD, StubPlatform, problem


class Posted(Exception):
    """The page was told to post and to load anew."""


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """What the bridge was told; in a browser its script would do it."""
    found: list[tuple[str, dict[str, str]]] = []

    def record(address: str, body: dict[str, str] | None = None, *, text: str) -> None:
        found.append((address, body or {}))

    monkeypatch.setattr(authenticator, "post_and_reload", record)
    return found


def use_form(tab: AppTest, username: str, password: str) -> AppTest:
    tab.text_input(key="sign_in_username").set_value(username)
    tab.text_input(key="sign_in_password").set_value(password)
    return tab.button(key="sign_in_button").click().run()


def test_nobody_sees_only_the_form(browser: Browser, stub: StubPlatform) -> None:
    tab = browser.tab.run()
    assert [field.label for field in tab.text_input] == ["Username", "Password"]
    assert not tab.title
    assert not stub.calls


def test_a_good_password_leads_to_a_code_and_nobody_is_signed_in_before_the_cookie(
    browser: Browser, posted: list[tuple[str, dict[str, str]]]
) -> None:
    tab = use_form(browser.tab.run(), " scientist ", PASSWORD)
    ((address, body),) = posted
    assert address == "/ui/session"
    assert "mark" not in tab.session_state
    assert tab.session_state.get("authentication_status") is None
    assert "sign_in_password" not in tab.session_state
    begun = upstream.platform().web_sessions.exchange(body["code"], agent=browser.agent)
    assert begun
    browser.handle = begun["handle"]
    browser.tab = AppTest.from_file(str(MAIN), default_timeout=30)
    assert browser.open("home").title[0].value == "Home"
    assert browser.tab.session_state["roles"] == ["scientist"]


@pytest.mark.parametrize(
    ("username", "password"), [("scientist", "wrong"), ("nobody", PASSWORD), ("scientist", f"{PASSWORD} ")]
)
def test_a_wrong_password_and_an_unknown_user_look_alike(browser: Browser, username: str, password: str) -> None:
    tab = use_form(browser.tab.run(), username, password)
    assert [box.value for box in tab.error] == ["Unknown user or wrong password."]
    assert not tab.title


def test_an_empty_form_asks_nobody(browser: Browser, stub: StubPlatform) -> None:
    tab = use_form(browser.tab.run(), "", "")
    assert "Type your username" in tab.error[0].value
    assert not stub.calls


def test_a_second_factor_is_asked_for_when_the_platform_wants_it(
    browser: Browser, stub: StubPlatform, posted: list[tuple[str, dict[str, str]]]
) -> None:
    stub.refusals["POST", "/v1/web-sessions"] = problem(401, "otp-required", "A code is needed.")
    tab = use_form(browser.tab.run(), "scientist", PASSWORD)
    assert tab.text_input(key="sign_in_password").value == PASSWORD
    stub.refusals.clear()
    tab.text_input(key="sign_in_otp").set_value("123456")
    tab.button(key="sign_in_button").click().run()
    assert posted
    assert [body["otp"] for _, body in stub.web if "otp" in body] == ["123456"]


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (problem(503, "not-ready", "Still starting."), "Still starting."),
        (problem(429, "too-many-requests", "x"), "Too many attempts"),
    ],
)
def test_what_the_platform_says_is_shown(browser: Browser, stub: StubPlatform, refusal: object, text: str) -> None:
    stub.refusals["POST", "/v1/web-sessions"] = refusal  # type: ignore[assignment]
    tab = use_form(browser.tab.run(), "scientist", PASSWORD)
    assert text in tab.error[0].value


def test_a_session_that_the_platform_ended_leads_to_the_form(browser: Browser, stub: StubPlatform) -> None:
    browser.sign_in("scientist")
    browser.open("jobs")
    stub.refusals["GET", "/v1/jobs"] = problem(401, "invalid-token", "The session has ended.")
    tab = browser.tab.run()
    assert "session ended" in tab.info[0].value
    assert tab.text_input(key="sign_in_username").label == "Username"
    assert browser.handle not in stub.handles
    assert not [key for key in tab.session_state if "token" in str(key)]


def test_a_dead_cookie_leads_to_the_form(browser: Browser) -> None:
    browser.handle = "stale"
    tab = browser.tab.run()
    assert "session ended" in tab.info[0].value
    assert not tab.title


def test_a_connection_under_another_cookie_sees_nothing(browser: Browser, stub: StubPlatform) -> None:
    browser.sign_in("scientist")
    browser.open("jobs")
    victim, browser.handle = browser.handle, ""
    tab = browser.tab.run()
    assert not tab.title
    assert "mark" not in tab.session_state
    assert victim in stub.handles


def test_what_a_connection_knew_under_one_cookie_is_gone_under_another(browser: Browser) -> None:
    """Also where the other cookie is good: somebody with an account of their own takes over a connection by its id."""
    browser.sign_in("scientist")
    tab = browser.open("jobs")
    tab.session_state["draft"] = "what the scientist typed"
    browser.sign_in("expert")
    tab.run()
    assert "draft" not in tab.session_state
    assert tab.session_state["roles"] == ["expert"]


def test_signing_out_ends_the_session_here_and_at_the_platform(
    browser: Browser, stub: StubPlatform, posted: list[tuple[str, dict[str, str]]]
) -> None:
    browser.sign_in("scientist")
    tab = browser.open("home")
    tab.button(key="sign_out").click().run()
    assert not stub.handles
    assert not stub.sessions
    assert posted == [("/ui/session/end", {})]
    assert not tab.run().title


def test_the_platform_is_told_from_which_address_and_with_what_the_person_comes(
    browser: Browser, stub: StubPlatform, posted: list[tuple[str, dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers)
        return stub(request)

    signet = Signet("https://platform.test", transport=httpx.MockTransport(answer))
    monkeypatch.setattr(upstream, "platform", lambda: signet)
    monkeypatch.setattr(authenticator, "browser", lambda: Visitor("", AGENT, "192.0.2.1"))
    use_form(browser.tab.run(), "scientist", PASSWORD)
    assert posted
    assert {headers.get("Signet-Browser-Address") for headers in asked} == {"192.0.2.1"}
    assert stub.web[-1][1]["agent"] == AGENT


class TestUpstream:
    @pytest.fixture
    def certs(self, ui_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(upstream, "load_settings", lambda: ui_settings)
        monkeypatch.setattr(upstream, "_made", None)
        ui_settings.ca.parent.mkdir()
        return ui_settings.ca.parent

    def test_without_certificates_the_platform_is_still_starting(self, certs: Path) -> None:
        with pytest.raises(Unreachable, match="still starting"):
            upstream.platform()

    def test_a_renewed_certificate_is_presented_from_the_next_call_on(self, certs: Path) -> None:
        authority = Authority.create(now=datetime.now(UTC))
        (certs / "ca.pem").write_bytes(pem(authority.root))

        def renew() -> None:
            key = new_key()
            made = authority.issue_web_app_certificate(key.public_key(), trust_domain="x", now=datetime.now(UTC))
            write_private(certs / "web-app.pem", private_pem(key) + pem(made))

        renew()
        first = upstream.platform()
        assert upstream.platform() is first
        renew()
        assert upstream.platform() is not first

    def test_an_address_that_is_not_known_is_not_stated(self) -> None:
        assert upstream.browser_headers(None) == {}
