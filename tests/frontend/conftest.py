"""The web app before a platform in memory, seen through Streamlit's own test runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from frontend import authenticator, session
from frontend.access import PAGES
from frontend.sessions import SESSIONS
from frontend.settings import Settings
from signet_client import Signet
from tests.frontend.stub import PASSWORD, StubPlatform

MAIN = Path(authenticator.__file__).with_name("main.py")


class Browser:
    """One tab: the cookie that it holds, and the page that it shows."""

    def __init__(self, stub: StubPlatform) -> None:
        self.stub = stub
        self.handle: str | None = None
        self.tab = AppTest.from_file(str(MAIN), default_timeout=30)
        self.tab.context["timezone"] = "Europe/Berlin"

    def signet(self) -> Signet:
        return Signet("https://platform.test", transport=httpx.MockTransport(self.stub))

    def sign_in(self, role: str) -> None:
        """As if the form had been used and the page had come back with its cookie."""
        signet = self.signet()
        signet.login(role, PASSWORD)
        self.handle = SESSIONS.exchange(SESSIONS.admit(signet.me(), signet))

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


@pytest.fixture
def stub() -> StubPlatform:
    return StubPlatform()


@pytest.fixture
def browser(stub: StubPlatform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Browser]:
    made = Browser(stub)
    for module in (authenticator, session):
        monkeypatch.setattr(module, "browser_handle", lambda: made.handle)
    monkeypatch.setattr(authenticator, "platform", made.signet)
    yield made
    SESSIONS.end(made.handle)


@pytest.fixture
def as_role(browser: Browser) -> Callable[[str], Browser]:
    def signed_in(role: str) -> Browser:
        browser.sign_in(role)
        return browser

    return signed_in


@pytest.fixture
def ui_settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, "https://platform.test", "127.0.0.1", 8501, 64)
