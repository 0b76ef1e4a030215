"""A data scientist compares runs in a real browser: ticked in the table, told apart, looked at by curve and evaluation."""

from __future__ import annotations

import re
from contextlib import closing

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import PASSWORD, WAIT, NewPage, sign_in
from tests.e2e.running import Platform, wait_for

pytestmark = pytest.mark.browser
MODEL = "side-by-side"
# Streamlit's own: the list of pages in its menu, and the frame in which a wide table scrolls, which browsers let the keyboard into.
NOT_OURS = {"list", "listitem", "scrollable-region-focusable"}


@pytest.fixture(scope="module")
def scientist(platform: Platform) -> str:
    """Somebody with three runs of one model."""
    with closing(platform.client()) as admin:
        body = {"username": "web-ines", "password": PASSWORD, "role": "scientist"}
        assert admin.post("/v1/users", json=body).status_code == 201
        (iris,) = [each for each in admin.get("/v1/models").json()["items"] if each["name"] == "iris"]
        version = iris["versions"][-1]
        wish = {"dataset_id": version["dataset_id"], "target": version["signature"]["target"], "model": MODEL}
        for more in ({}, {"hyperparameters": {"max_depth": 2}}, {"algorithm": "linear"}):
            job = admin.post("/v1/jobs", json={**wish, **more}).json()
            address = f"/v1/jobs/{job['id']}"
            wait_for(lambda at=address: admin.get(at).json()["state"] == "succeeded", seconds=180, what="a training")  # type: ignore[misc]
    return "web-ines"


def table_of(page: Page) -> Locator:
    """The table of runs, drawn."""
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_visible(timeout=WAIT)
    return table


def tick(page: Page, row: int) -> None:
    """The box before a row: the table is a picture, which knows places only."""
    table_of(page).click(position={"x": 16, "y": 35 * row + 52})


def values(page: Page) -> Locator:
    return page.get_by_test_id("stTable")


def look(page: Page, way: str) -> None:
    page.get_by_role("radio", name=way).or_(page.get_by_role("button", name=way, exact=True)).first.click()


def serious(page: Page) -> list[str]:
    """What axe finds that keeps people out, and that is ours."""
    found = Axe().run(page).response["violations"]
    grave = [each for each in found if each["impact"] in {"serious", "critical"} and each["id"] not in NOT_OURS]
    return [f"{each['id']}: {node['html'][:200]}" for each in grave for node in each["nodes"]]


def test_two_runs_are_ticked_told_apart_and_followed_step_by_step(
    new_page: NewPage, platform: Platform, scientist: str
) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/experiments?experiment={MODEL}", scientist, PASSWORD)
    expect(page.get_by_text("3 runs.")).to_be_visible(timeout=WAIT)
    tick(page, 0)
    expect(page.get_by_role("heading", name="One run")).to_be_visible(timeout=WAIT)
    tick(page, 1)
    expect(page.get_by_role("heading", name="2 runs side by side")).to_be_visible(timeout=WAIT)

    expect(values(page)).to_contain_text("max_depth", timeout=WAIT)
    expect(values(page)).to_contain_text("linear")
    expect(values(page)).not_to_contain_text("target")
    page.get_by_text("Differences only").click()
    expect(values(page)).to_contain_text("target", timeout=WAIT)

    look(page, "Curves")
    expect(page.get_by_role("combobox", name="Metric", exact=True).last).to_have_value(
        "validation mlogloss", timeout=WAIT
    )
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible(timeout=WAIT)
    look(page, "Evaluation")
    expect(page.get_by_text("ROC curve")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("Truth and prediction")).to_be_visible()
    assert serious(page) == []

    address = page.get_by_role("link", name="MLflow").first.get_attribute("href") or ""
    assert re.fullmatch(rf"{re.escape(platform.mlflow_url)}/#/experiments/\d+/runs/[0-9a-f]{{32}}\?.*", address)
    page.reload()
    expect(page.get_by_role("heading", name="2 runs side by side")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("ROC curve")).to_be_visible(timeout=WAIT)


def test_a_choice_in_the_field_ticks_the_table_and_a_tick_taken_away_leaves_the_field(
    new_page: NewPage, platform: Platform, scientist: str
) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/experiments?experiment={MODEL}", scientist, PASSWORD)
    table_of(page)
    page.get_by_role("combobox", name="Runs to compare").click()
    page.get_by_role("option", name=re.compile("v1 ")).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="One run")).to_be_visible(timeout=WAIT)
    tick(page, 0)
    expect(page.get_by_role("heading", name="2 runs side by side")).to_be_visible(timeout=WAIT)
    tick(page, 2)
    expect(page.get_by_role("heading", name="One run")).to_be_visible(timeout=WAIT)
    expect(page.get_by_test_id("stMarkdown").filter(has_text=re.compile("^v3 linear"))).to_be_visible()


def test_the_page_fits_a_telephone(new_page: NewPage, platform: Platform, scientist: str) -> None:
    with closing(platform.client()) as admin:
        runs = admin.get("/v1/runs", params={"experiment": MODEL}).json()["items"]
    chosen = ",".join(run["id"] for run in runs)
    page = new_page(390, 844)
    sign_in_narrow(page, f"{platform.ui_url}/experiments?experiment={MODEL}&runs={chosen}", scientist)
    for way, part in (
        ("Values", values(page)),
        ("Parallel coordinates", page.get_by_test_id("stVegaLiteChart").first),
        ("Evaluation", page.get_by_text("ROC curve")),
    ):
        look(page, way)
        expect(part).to_be_visible(timeout=WAIT)
        wide = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth")
        assert wide <= 390, way
        assert serious(page) == []


def sign_in_narrow(page: Page, address: str, username: str) -> None:
    """As on a telephone, where the menu with its way out is folded away."""
    page.goto(address)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="3 runs side by side")).to_be_visible(timeout=WAIT)
