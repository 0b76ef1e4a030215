"""Somebody who has never seen the platform: from the sign-in form to a prediction of a model of their own, timed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import PASSWORD, WAIT, NewPage, sign_in
from tests.e2e.running import Platform
from tests.e2e.tables import passengers

pytestmark = pytest.mark.browser

# What the product promises on a machine that does nothing else.
PROMISED_SECONDS = 60
# In CI, two processors are shared with the browser, a second worker's tests and whatever other jobs the machine has: everything
# takes two to three times as long there. Past this, something waits that should not.
TOLERATED_SECONDS = 3 * PROMISED_SECONDS


@pytest.fixture
def newcomer(platform: Platform) -> str:
    with closing(platform.client()) as admin:
        body = {"username": "web-newcomer", "password": PASSWORD, "role": "expert"}
        assert admin.post("/v1/users", json=body).status_code == 201
    return "web-newcomer"


def test_a_newcomer_has_a_prediction_within_a_minute(
    new_page: NewPage, platform: Platform, newcomer: str, record_property: Callable[[str, object], None]
) -> None:
    """The time is the machine's: nobody reads or thinks between two clicks."""
    page = new_page()
    begun = time.monotonic()
    sign_in(page, platform.ui_url, newcomer, PASSWORD)
    signed_in = time.monotonic()
    _upload(page)
    uploaded = time.monotonic()
    _train(page)
    trained = time.monotonic()
    _ask(page)
    ended = time.monotonic()
    parts = {
        "sign in": signed_in - begun,
        "upload": uploaded - signed_in,
        "train": trained - uploaded,
        "ask": ended - trained,
    }
    told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in parts.items())
    record_property(
        "told", f"From the sign-in form to a prediction: {ended - begun:.1f} s ({told}); promised: {PROMISED_SECONDS} s"
    )
    assert ended - begun < TOLERATED_SECONDS


def _upload(page: Page) -> None:
    page.get_by_role("link", name="Upload a table").click()
    expect(page.get_by_role("button", name="Choose a file")).to_be_visible(timeout=WAIT)
    file = {"name": "titanic.csv", "mimeType": "text/csv", "buffer": passengers()}
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    expect(page.get_by_text("891 rows, 14 columns")).to_be_visible(timeout=WAIT)


def _train(page: Page) -> None:
    page.get_by_role("button", name="Train with it").click()
    expect(page.get_by_role("combobox", name="Column to predict")).to_have_value("survived", timeout=WAIT)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("link", name="Try the model")).to_be_visible(timeout=3 * WAIT)


def _ask(page: Page) -> None:
    page.get_by_role("link", name="Try the model").click()
    page.get_by_test_id("stFormSubmitButton").get_by_role("button").click(timeout=WAIT)
    expect(page.get_by_test_id("stMetricValue")).to_have_text(re.compile("^[01]$"), timeout=WAIT)
