"""A real browser before the web app: pages of it, what each of them asked for, and what it complained about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    WebError,
    expect,
    sync_playwright,
)

from tests.e2e.running import Platform
from tests.left_out import find_chromium

PASSWORD = "correct horse battery staple"
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
WAIT = 60_000
LOST_PART = "Failed to fetch dynamically imported module"
NewPage = Callable[..., Page]


@dataclass
class Witness:
    """What pages asked for and complained about."""

    origin: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    is_stormy: bool = False

    def watch(self, context: BrowserContext) -> None:
        context.on("request", self._asked)
        context.on("console", self._heard)
        context.on("weberror", self._thrown)

    @contextmanager
    def watching(self, context: BrowserContext) -> Iterator[None]:
        """Watch a context for a while, which goes on to be used."""
        heard: list[tuple[Any, Any]] = [("request", self._asked), ("console", self._heard), ("weberror", self._thrown)]
        for event, listener in heard:
            context.on(event, listener)
        yield
        for event, listener in heard:
            context.remove_listener(event, listener)

    @property
    def elsewhere(self) -> list[str]:
        """What was asked of other origins."""
        ours = (f"{self.origin}/", f"{self.origin.replace('https:', 'wss:', 1)}/", "data:", "blob:")
        return [url for url in self.asked if not f"{url}/".startswith(ours)]

    def _asked(self, request: Request) -> None:
        self.asked.append(request.url)

    def _thrown(self, error: WebError) -> None:
        if not (self.is_stormy and LOST_PART in str(error.error)):
            self.complaints.append(f"thrown: {error.error}")

    def _heard(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        # What our own addresses refuse, the page tells the person; the browser's console notes each of those answers too.
        is_refusal = message.text.startswith("Failed to load resource") and where.startswith(f"{self.origin}/ui/")
        # The machine's network came or went, as it does where containers are started; Streamlit asks again.
        self.is_stormy |= "net::ERR_NETWORK_CHANGED" in message.text
        is_weather = self.is_stormy and ("ERR_NETWORK_CHANGED" in message.text or LOST_PART in message.text)
        if message.type == "error" and not is_refusal and not is_weather:
            self.complaints.append(f"{message.text} ({where})")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def witness(platform: Platform) -> Witness:
    """Of the pages of this test; a test that takes a connection away clears its complaints."""
    return Witness(platform.ui_url)


@pytest.fixture
def new_page(chromium: Browser, witness: Witness) -> Iterator[NewPage]:
    """A page of a browser of its own; in the end none asked another origin for anything, and none complained."""
    contexts: list[BrowserContext] = []

    def make(width: int = 1440, height: int = 900, scheme: str = "light") -> Page:
        context = open_context(chromium, width, height, scheme)
        witness.watch(context)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()
    assert not witness.elsewhere, witness.elsewhere
    assert not witness.complaints, witness.complaints


def open_context(chromium: Browser, width: int, height: int, scheme: str) -> BrowserContext:
    """A browser of its own, with no cookie."""
    # The browser has no way to be told of our authority; the tests with plain clients check the certificate.
    context = chromium.new_context(
        ignore_https_errors=True,
        viewport={"width": width, "height": height},
        timezone_id="Europe/Berlin",
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    context.set_default_timeout(WAIT)
    return context


def sign_in(page: Page, address: str, username: str, password: str) -> None:
    page.goto(address)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    # Pages have a title, the sign-in form has none; the way out is in a menu that a narrow screen hides.
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=WAIT)


def session_cookie(page: Page) -> dict[str, object]:
    return next(dict(cookie) for cookie in page.context.cookies() if cookie["name"] == "__Host-signet")
