"""The web app before a platform in memory, seen through Streamlit's own test runner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from frontend import authenticator, upstream
from frontend.access import PAGES
from frontend.sessions import Visitor
from frontend.settings import Settings
from signet_client import Signet
from tests.frontend.stub import PASSWORD, StubPlatform

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
MAIN = Path(authenticator.__file__).with_name("main.py")


class Browser:
    """One tab: the cookie that it holds, and the page that it shows."""

    def __init__(self, stub: StubPlatform) -> None:
        self.stub = stub
        self.handle = ""
        self.agent = AGENT
        self.tab = AppTest.from_file(str(MAIN), default_timeout=30)
        self.tab.context["timezone"] = "Europe/Berlin"

    def visitor(self) -> Visitor:
        return Visitor(self.handle, self.agent)

    def sign_in(self, role: str) -> None:
        """As if the form had been used and the page had come back with its cookie."""
        self.handle = handle_for(role)

    def open(self, address: str, **query: str) -> AppTest:
        page = next(page for page in PAGES if page.address == address)
        self.tab._page_hash = calc_hash("" if page is PAGES[0] else address)
        self.tab.query_params.clear()
        for name, value in query.items():
            self.tab.query_params[name] = value
        self.tab.run()
        assert not self.tab.exception, self.tab.exception
        return self.tab

    def words(self) -> str:
        """Everything that can be read on the page."""
        kinds = ("title", "header", "subheader", "markdown", "caption", "error", "warning", "info", "metric")
        found = [f"{getattr(element, 'label', '')} {element.value}" for kind in kinds for element in self.tab.get(kind)]
        return "\n".join(found)


def code_for(role: str) -> str:
    """What a good sign-in leads to."""
    return upstream.platform().web_sessions.begin(role, PASSWORD, agent=AGENT)


def handle_for(role: str) -> str:
    """What the cookie of somebody who is signed in holds."""
    begun = upstream.platform().web_sessions.exchange(code_for(role), agent=AGENT)
    assert begun
    return begun["handle"]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> StubPlatform:
    """The platform that the web app finds."""
    made = StubPlatform()
    signet = Signet("https://platform.test", transport=httpx.MockTransport(made))
    monkeypatch.setattr(upstream, "platform", lambda: signet)
    return made


@pytest.fixture
def browser(stub: StubPlatform, monkeypatch: pytest.MonkeyPatch) -> Browser:
    made = Browser(stub)
    monkeypatch.setattr(authenticator, "browser", made.visitor)
    return made


@pytest.fixture
def as_role(browser: Browser) -> Callable[[str], Browser]:
    def signed_in(role: str) -> Browser:
        browser.sign_in(role)
        return browser

    return signed_in


@pytest.fixture
def ui_settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, "https://platform.test", "127.0.0.1", 8501, 64)
