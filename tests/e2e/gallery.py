"""The pages of the web app, as pictures and as what a reader of the screen meets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.browsing import WAIT
from tests.e2e.showcase import Showcase
from tests.e2e.tables import customers

WIDE, NARROW = 1440, 390
TALLEST = {WIDE: 1600, NARROW: 2000}
COLOURS = 128
Act = Callable[[Page], None]


@dataclass(frozen=True)
class View:
    """One picture: its name, the address, what is done there first, whether it is also drawn in the dark."""

    name: str
    address: str
    act: Act = lambda page: None
    dark: bool = False


def views(shown: Showcase) -> list[View]:
    """Every page, and what opens from it."""
    return [
        View("home", "", dark=True),
        # Before anything is asked here on a machine that draws pictures meanwhile.
        View("monitoring", "monitoring", dark=True),
        View("monitoring-callers", "monitoring?span=Week&by=Caller"),
        View("datasets", "datasets"),
        View("dataset", f"datasets?id={shown.dataset}"),
        View("train", "train"),
        View("jobs", "jobs"),
        View("job", f"jobs?id={shown.job}"),
        View("job-failed", f"jobs?id={shown.failed}"),
        View("experiments", f"experiments?runs={shown.runs}"),
        View("experiments-curves", f"experiments?runs={shown.runs}&look=Curves"),
        View("experiments-evaluation", f"experiments?runs={shown.runs}&look=Evaluation"),
        View("experiments-parallel", f"experiments?runs={shown.runs}&look=Parallel+coordinates"),
        View("models", "models"),
        View("model", "models?model=churn", _choose_challenger),
        View("predict", "predict?model=churn", _ask, dark=True),
        View("predict-file", "predict?model=churn", _ask_about_a_file),
        View("subscribers", "subscribers"),
        View("subscriber", f"subscribers?id={shown.subscriber}"),
        View("certificates", "certificates"),
        View("certificate", f"certificates?serial={shown.certificate}"),
        View("users", "users"),
        View("user", f"users?id={shown.user}"),
        View("audit", "audit"),
        View("account", "account"),
    ]


def settled(page: Page) -> None:
    """Wait until the script has run, charts are drawn and the font is there."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=WAIT)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=WAIT)
    expect(page.locator("[data-stale=true]")).to_have_count(0, timeout=WAIT)
    # Those of tabs that are not open are drawn when they are.
    for table in page.locator("[data-testid=stDataFrame]:visible").all():
        expect(table.locator("canvas").first).to_be_attached(timeout=WAIT)
    for chart in page.locator("[data-testid=stVegaLiteChart]:visible").all():
        expect(chart.locator("canvas, svg").first).to_be_visible(timeout=WAIT)
    page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame)).then(() => 0)")
    page.wait_for_load_state("networkidle")


def photograph(page: Page, path: Path) -> None:
    """The whole page, as far as a picture of it is of use, in few colours."""
    width, usual = page.viewport_size["width"], page.viewport_size["height"]  # type: ignore[index]
    # Twice: a page that has more room may draw more.
    for _ in range(2):
        long = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": width, "height": min(max(long, usual), TALLEST[width])})
        settled(page)
    page.mouse.move(width / 2, 2)
    page.screenshot(path=path, animations="disabled", caret="hide")
    page.set_viewport_size({"width": width, "height": usual})
    with Image.open(path) as picture:
        _in_few_colours(picture.convert("RGB")).save(path, optimize=True)


def _in_few_colours(picture: Image.Image) -> Image.Image:
    """Half of the colours are the most frequent ones, as they are; half are chosen so that a rare one keeps its place: red is, where little fails."""
    found: list[tuple[int, tuple[int, int, int]]] = picture.getcolors(picture.width * picture.height)  # type: ignore[assignment]
    frequent = [colour for _, colour in sorted(found, reverse=True)[: COLOURS // 2]]
    rare = picture.quantize(COLOURS - len(frequent), Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in frequent for part in colour] + (rare or []))
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def _choose_challenger(page: Page) -> None:
    page.get_by_role("combobox", name="Version").click()
    page.get_by_role("option", name=re.compile("Version 3")).click()
    expect(page.get_by_role("button", name="Promote to champion")).to_be_visible(timeout=WAIT)


def _ask(page: Page) -> None:
    page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()
    expect(page.get_by_text("What each column contributed")).to_be_visible(timeout=WAIT)


def _ask_about_a_file(page: Page) -> None:
    page.get_by_text("A file of rows", exact=True).click()
    expect(page.get_by_role("button", name="Choose a file")).to_be_visible(timeout=WAIT)
    lines = customers(60).decode().splitlines()
    lines[7] = (
        lines[7].replace(",monthly,", ",weekly,").replace(",one year,", ",weekly,").replace(",two years,", ",weekly,")
    )
    lines[20] = re.sub(r"^(C\d+,[^,]*),\d+,", r"\1,many,", lines[20])
    file = {"name": "october.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    expect(page.get_by_text("Rows answered")).to_be_visible(timeout=WAIT)
