"""Sessions of the web app and large files, in a real browser and by plain HTTP: what is kept, what ends, and what is retried."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from frontend.access import PAGES
from frontend.cookie import NAME
from tests.e2e.browsing import PASSWORD, WAIT, Witness, session_cookie, sign_in
from tests.e2e.running import Platform, wait_for

pytestmark = pytest.mark.browser
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
OURS = {"X-Signet-UI": "1", "User-Agent": AGENT}
MEGABYTE = 1024 * 1024
SLICE = 8 * MEGABYTE


@pytest.fixture(scope="module")
def anna(platform: Platform) -> str:
    """A scientist of these tests alone, who signs in and is signed out at will."""
    with closing(platform.client()) as admin:
        body = {"username": "web-anna", "password": PASSWORD, "role": "scientist"}
        assert admin.post("/v1/users", json=body).status_code == 201
    return "web-anna"


@pytest.fixture
def signed_in(platform: Platform, anna: str) -> Iterator[httpx.Client]:
    """A browser without a screen: what our own pages send, with the cookie of somebody who is signed in."""
    trust = ssl.create_default_context(cafile=str(platform.home / "certs" / "ca.pem"))
    trust.load_cert_chain(str(platform.home / "certs" / "web-app.pem"))
    with httpx.Client(base_url=platform.api_url, verify=trust, timeout=60) as web_app:
        body = {"username": anna, "password": PASSWORD, "agent": AGENT}
        code = web_app.post("/v1/web-sessions", json=body).json()["code"]
        begun = web_app.post("/v1/web-sessions/exchange", json={"code": code, "agent": AGENT}).json()
    headers = {**OURS, "Origin": platform.ui_url, "Cookie": f"{NAME}={begun['handle']}"}
    trust = ssl.create_default_context(cafile=str(platform.home / "certs" / "ca.pem"))
    with httpx.Client(base_url=platform.ui_url, verify=trust, timeout=120, headers=headers) as client:
        yield client


def web_process(platform: Platform) -> psutil.Process:
    def find() -> psutil.Process | None:
        return next((each for each in platform.processes() if any("asgi.py" in word for word in each.cmdline())), None)

    return wait_for(find, seconds=60, what="a process of the web app")


def is_up(platform: Platform) -> bool:
    trust = ssl.create_default_context(cafile=str(platform.home / "certs" / "ca.pem"))
    try:
        return httpx.get(f"{platform.ui_url}/_stcore/health", verify=trust, timeout=5).is_success
    except httpx.HTTPError:
        return False


def test_a_session_outlives_a_restart_of_the_web_app(
    new_page: Callable[[], Page], witness: Witness, platform: Platform, anna: str
) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/models", anna, PASSWORD)
    before = session_cookie(page)
    old = web_process(platform)
    old.terminate()
    old.wait(timeout=30)
    wait_for(lambda: is_up(platform), seconds=120, what="the web app answers again")
    assert web_process(platform).pid != old.pid
    page.reload()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
    assert session_cookie(page)["value"] == before["value"]
    witness.complaints.clear()  # of the connection that was lost


def test_one_tab_that_signs_out_takes_the_others_along(
    new_page: Callable[[], Page], platform: Platform, anna: str
) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/account", anna, PASSWORD)
    other = page.context.new_page()
    other.goto(f"{platform.ui_url}/models")
    expect(other.get_by_role("button", name="Sign out")).to_be_visible(timeout=WAIT)
    # What the other tab would find out by itself within a minute does not count.
    other.route("**/ui/session/state", lambda route: route.fulfill(status=204))
    page.get_by_role("button", name="Sign out").click()
    # Nobody touches the other tab.
    expect(other.get_by_label("Username")).to_be_visible(timeout=WAIT)


def test_a_session_that_is_ended_elsewhere_ends_here(
    new_page: Callable[[], Page], platform: Platform, anna: str
) -> None:
    page, elsewhere = new_page(), new_page()
    sign_in(page, f"{platform.ui_url}/account", anna, PASSWORD)
    sign_in(elsewhere, f"{platform.ui_url}/account", anna, PASSWORD)
    elsewhere.get_by_role("button", name="End all others").click()
    dialog = elsewhere.get_by_role("dialog")
    dialog.get_by_role("button", name="End all others").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("link", name="Models").first.click()
    expect(page.get_by_text("Your session ended")).to_be_visible(timeout=WAIT)
    expect(elsewhere.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_page_that_nobody_touches_leaves_the_screen_with_its_session(
    new_page: Callable[[], Page], platform: Platform, anna: str
) -> None:
    page = new_page()
    page.clock.install()
    sign_in(page, f"{platform.ui_url}/models", anna, PASSWORD)
    with closing(platform.client()) as admin:
        (user,) = [each for each in admin.get("/v1/users").json()["items"] if each["username"] == anna]
        assert admin.delete(f"/v1/users/{user['id']}/sessions").status_code == 204

    def asked_and_left() -> bool:
        page.clock.run_for(60_000)
        page.wait_for_timeout(500)
        return page.get_by_label("Username").is_visible()

    wait_for(asked_and_left, seconds=60, what="the page goes back to the sign-in form")


def test_a_cookie_that_another_kind_of_browser_brings_is_worth_nothing_and_ends(
    new_page: Callable[[], Page], chromium: Browser, platform: Platform, anna: str
) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/models", anna, PASSWORD)
    with closing(chromium.new_context(ignore_https_errors=True, user_agent=AGENT)) as thief:
        thief.add_cookies([session_cookie(page)])  # type: ignore[list-item]
        stolen = thief.new_page()
        stolen.goto(f"{platform.ui_url}/models")
        expect(stolen.get_by_label("Username")).to_be_visible(timeout=WAIT)
    page.reload()
    expect(page.get_by_label("Username")).to_be_visible(timeout=WAIT)


def test_every_page_keeps_to_our_own_origin_and_to_the_policy(new_page: Callable[[], Page], platform: Platform) -> None:
    """What was asked of others and what the console complained about fails `new_page` at its end; here, warnings too."""
    page = new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    sign_in(page, platform.ui_url, "admin", platform.password)
    for each in PAGES:
        page.goto(f"{platform.ui_url}/{'' if each is PAGES[0] else each.address}")
        expect(page.get_by_role("heading", name=each.title, exact=True, level=1)).to_be_visible(timeout=WAIT)
        page.wait_for_load_state("networkidle")
    assert [text for text in said if "Content Security Policy" in text or "violates" in text] == []


def test_a_slice_that_is_lost_is_sent_again(new_page: Callable[[], Page], platform: Platform, anna: str) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/datasets", anna, PASSWORD)
    expect(page.get_by_role("button", name="Choose a file")).to_be_visible(timeout=WAIT)
    sent: list[str] = []
    shares: list[float] = []

    def lose_the_second(route: Route) -> None:
        sent.append(route.request.url.rpartition("/")[2])
        shares.append(page.get_by_role("progressbar").evaluate("bar => bar.value"))
        if len(sent) == 2:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/ui/uploads/*/slices/*", lose_the_second)
    content = b"a,b\n" + b"1234567,some words that are long enough\n" * (17 * MEGABYTE // 40)
    page.locator("input[type=file]").set_input_files({"name": "lost.csv", "mimeType": "text/csv", "buffer": content})
    expect(page.get_by_role("button", name="Train with it")).to_be_visible(timeout=2 * WAIT)
    assert shares == [pytest.approx(offset / len(content), abs=0.01) for offset in (0, SLICE, SLICE, 2 * SLICE)]
    assert sent == [str(offset) for offset in (0, SLICE, SLICE, 2 * SLICE)]
    with closing(platform.client()) as admin:
        (found,) = [each for each in admin.get("/v1/datasets").json()["items"] if each["name"] == "lost"]
        assert (found["bytes"], found["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_large_file_leaves_the_memory_of_the_web_app_as_it_was(signed_in: httpx.Client, platform: Platform) -> None:
    """150 MB through the relay and on to the API, which refuses it for what it is: the bytes travel, nothing is parsed."""
    web, size = web_process(platform), 150 * MEGABYTE
    piece = b"\x7fELF" + bytes(SLICE - 4)
    _relay(signed_in, piece, SLICE)  # what the first upload loads stays loaded
    before = web.memory_info().rss
    peak = _relay(signed_in, piece, size, lambda: web.memory_info().rss)
    assert (peak - before) / MEGABYTE < 20


def _relay(client: httpx.Client, piece: bytes, size: int, measure: Callable[[], int] = lambda: 0) -> int:
    """Send a file of that size slice by slice and let it be handed on; the most that was measured meanwhile."""
    upload_id = client.post("/ui/uploads", json={"filename": "large.bin", "size": size}).json()["id"]
    peak = measure()
    for offset in range(0, size, len(piece)):
        part = piece[: size - offset]
        headers = {"X-Slice-SHA256": hashlib.sha256(part).hexdigest()}
        answer = client.put(f"/ui/uploads/{upload_id}/slices/{offset}", content=part, headers=headers)
        assert answer.status_code == 200, answer.text
        peak = max(peak, measure())
    refused = client.post(f"/ui/uploads/{upload_id}/finish", json={})
    assert refused.status_code in {415, 422}, refused.text
    return max(peak, measure())
