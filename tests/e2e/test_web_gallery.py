"""Every page of a platform that is in use: nothing in it is out of reach of a person with a screen reader, or cut off on a telephone.

`SIGNET_TEST_SCREENSHOTS=docs/screenshots` keeps a picture of each, wide and narrow; `make screenshots` does that on a platform of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from frontend.access import PAGES
from tests.e2e.browsing import PASSWORD, WAIT, NewPage, Witness, open_context, sign_in
from tests.e2e.gallery import NARROW, WIDE, View, photograph, settled, views
from tests.e2e.running import ROOT, Platform
from tests.e2e.showcase import Showcase, busy, furnish

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

FOLDER = os.environ.get("SIGNET_TEST_SCREENSHOTS", "")
# Those with the most kinds of parts: tiles, charts, forms, chosen things, buttons, passwords.
IN_THE_DARK = ["home", "monitoring", "predict", "experiments", "account"]
NAMES = [view.name for view in views(Showcase(*[""] * 7))]


@pytest.fixture(scope="module")
def shown(platform: Platform) -> Iterator[dict[str, View]]:
    """The views of a platform that has been furnished, by name; something trains there until the end."""
    found = {view.name: view for view in views(furnish(platform))}
    grace, jobs = busy(platform)
    yield found
    for job in jobs:
        grace.post(f"/v1/jobs/{job}/cancel")


@pytest.fixture(scope="module")
def screens(chromium: Browser, platform: Platform, shown: dict[str, View]) -> Iterator[Callable[[int, str], Page]]:
    """A page for each width and colour scheme on which an administrator has signed in."""
    pages: dict[tuple[int, str], Page] = {}

    def screen(width: int, scheme: str) -> Page:
        if (width, scheme) not in pages:
            context = open_context(chromium, width, 900 if width == WIDE else 844, scheme)
            pages[width, scheme] = context.new_page()
            sign_in(pages[width, scheme], platform.ui_url, "noor", PASSWORD)
        return pages[width, scheme]

    yield screen
    for page in pages.values():
        page.context.close()


def opened(page: Page, platform: Platform, view: View) -> None:
    page.goto(f"{platform.ui_url}/{view.address}")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=WAIT)
    settled(page)
    view.act(page)
    settled(page)


def serious(page: Page) -> list[str]:
    """What axe-core holds to be serious or critical."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['html'][:200]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


def test_the_views_show_every_page() -> None:
    addresses = {view.address.partition("?")[0] or "home" for view in views(Showcase(*[""] * 7))}
    assert addresses == {page.address for page in PAGES}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_within_everybodys_reach(
    screens: Callable[[int, str], Page], platform: Platform, shown: dict[str, View], name: str
) -> None:
    page, witness = screens(WIDE, "light"), Witness(platform.ui_url)
    with witness.watching(page.context):
        opened(page, platform, shown[name])
        assert not (found := serious(page)), "\n".join(found)
        page.set_viewport_size({"width": NARROW, "height": 844})
        settled(page)
        # Charts follow the new width a little later; what is still too wide then stays so.
        page.wait_for_function(
            "(main => main.scrollWidth <= main.clientWidth)(document.querySelector('[data-testid=stMain]'))",
            timeout=10_000,
        )
        page.set_viewport_size({"width": WIDE, "height": 900})
    assert not witness.elsewhere, witness.elsewhere
    assert not witness.complaints, witness.complaints


@pytest.mark.parametrize("name", IN_THE_DARK)
def test_a_page_is_read_in_the_dark(
    screens: Callable[[int, str], Page], platform: Platform, shown: dict[str, View], name: str
) -> None:
    """The theme of the night has colours of its own, and what is written on them."""
    page = screens(WIDE, "dark")
    opened(page, platform, shown[name])
    assert not (found := serious(page)), "\n".join(found)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_sign_in_form_is_within_everybodys_reach(new_page: NewPage, platform: Platform, width: int) -> None:
    page = new_page(width, 844)
    page.goto(platform.ui_url)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=WAIT)
    settled(page)
    assert not (found := serious(page)), "\n".join(found)
    if FOLDER:
        photograph(page, ROOT / FOLDER / f"sign-in{'' if width == WIDE else '-narrow'}.png")


if FOLDER:

    @pytest.mark.parametrize("name", NAMES)
    def test_pictures_are_kept(
        screens: Callable[[int, str], Page], platform: Platform, shown: dict[str, View], name: str
    ) -> None:
        schemes = [(WIDE, "light", ""), (NARROW, "light", "-narrow"), *[(WIDE, "dark", "-dark")] * shown[name].dark]
        for width, scheme, mark in schemes:
            page = screens(width, scheme)
            opened(page, platform, shown[name])
            photograph(page, ROOT / FOLDER / f"{name}{mark}.png")
