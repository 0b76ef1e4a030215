"""The web app in a real browser, over real TLS, before the real platform: people's journeys, and the doors of Streamlit."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest
from playwright.sync_api import Page, WebSocket, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.e2e.browsing import PASSWORD, WAIT, Witness, session_cookie, sign_in
from tests.e2e.running import ROOT, Platform

pytestmark = pytest.mark.browser

BIKES = ROOT / "docs" / "examples" / "bikes.csv"


@pytest.fixture(scope="module")
def people(platform: Platform) -> dict[str, str]:
    """One person of each role, by username, with their password."""
    with closing(platform.client()) as admin:
        for role in ("manager", "scientist", "expert"):
            body = {"username": f"web-{role}", "password": PASSWORD, "role": role}
            assert admin.post("/v1/users", json=body).status_code == 201
    return {**{f"web-{role}": PASSWORD for role in ("manager", "scientist", "expert")}, "admin": platform.password}


def test_from_a_file_to_a_prediction(new_page: Callable[[], Page], platform: Platform, people: dict[str, str]) -> None:
    page = new_page()
    started = time.monotonic()
    sign_in(page, f"{platform.ui_url}/datasets", "web-expert", PASSWORD)
    page.locator("input[type=file]").set_input_files(BIKES)
    page.get_by_role("button", name="Train with it").click()
    expect(page.get_by_role("combobox", name="Column to predict")).to_have_value("rentals", timeout=WAIT)
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("link", name="Try the model").click(timeout=3 * WAIT)
    ask = page.get_by_test_id("stFormSubmitButton").get_by_role("button")
    ask.click()
    expect(page.get_by_test_id("stMetricValue")).to_have_count(1, timeout=WAIT)
    expect(page.get_by_test_id("stMetricValue")).to_contain_text(re.compile(r"\d"))
    assert time.monotonic() - started < 180
    page.get_by_label("temperature", exact=True).fill("")
    ask.click()
    page.get_by_text("The same from a program").click()
    expect(page.get_by_test_id("stCode").first).to_contain_text('"temperature": null', timeout=WAIT)


def test_a_bad_file_is_explained_where_it_was_dropped(
    new_page: Callable[[], Page], platform: Platform, people: dict[str, str]
) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/datasets", "web-expert", PASSWORD)
    ragged = {"name": "bad.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n3\n4,5\n"}
    page.locator("input[type=file]").set_input_files(ragged)  # type: ignore[arg-type]
    expect(page.get_by_role("alert").filter(has_text=re.compile(r"row|line", re.IGNORECASE))).to_be_visible(
        timeout=WAIT
    )
    expect(page.get_by_role("button", name="Choose a file")).to_be_visible()


def test_the_session_lives_in_one_safe_cookie(
    new_page: Callable[[], Page], platform: Platform, people: dict[str, str]
) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/models", "web-scientist", PASSWORD)
    cookie = session_cookie(page)
    assert cookie["httpOnly"]
    assert cookie["secure"]
    assert cookie["sameSite"] == "Strict"
    assert "__Host-signet" not in page.evaluate("document.cookie")
    assert page.url.endswith("/models")
    page.reload()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=WAIT)
    other = page.context.new_page()
    other.goto(f"{platform.ui_url}/jobs")
    expect(other.get_by_role("button", name="Sign out")).to_be_visible(timeout=WAIT)

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Username")).to_be_visible(timeout=WAIT)
    expect(other.get_by_label("Username")).to_be_visible(timeout=WAIT)
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    page.goto(f"{platform.ui_url}/models")
    expect(page.get_by_label("Username")).to_be_visible(timeout=WAIT)


def test_signing_out_revokes_the_tokens_at_the_api(
    new_page: Callable[[], Page], platform: Platform, people: dict[str, str]
) -> None:
    """A user who is disabled meanwhile is out at the next click."""
    page = new_page()
    sign_in(page, platform.ui_url, "web-expert", PASSWORD)
    with closing(platform.client()) as admin:
        user = next(each for each in admin.get("/v1/users").json()["items"] if each["username"] == "web-expert")
        admin.patch(f"/v1/users/{user['id']}", json={"disabled": True})
        page.get_by_role("link", name="Models").first.click()
        expect(page.get_by_text("Your session ended")).to_be_visible(timeout=WAIT)
        admin.patch(f"/v1/users/{user['id']}", json={"disabled": False})


def test_a_wrong_password_is_refused(new_page: Callable[[], Page], platform: Platform) -> None:
    page = new_page()
    page.goto(platform.ui_url)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Unknown user or wrong password")).to_be_visible(timeout=WAIT)
    assert not [cookie for cookie in page.context.cookies() if cookie["name"] == "__Host-signet"]


def test_a_role_opens_its_own_pages_only(
    new_page: Callable[[], Page], platform: Platform, people: dict[str, str]
) -> None:
    page = new_page()
    sign_in(page, platform.ui_url, "web-manager", PASSWORD)
    menu = page.get_by_test_id("stSidebarNav").get_by_role("link")
    pages = ["Home", "Models", "Predict", "Monitoring", "Subscribers", "Certificates", "Audit", "Account"]
    assert [text.split()[-1] for text in menu.all_inner_texts()] == pages
    page.goto(f"{platform.ui_url}/datasets")
    expect(page.get_by_text("Your role does not open")).to_be_visible(timeout=WAIT)


def test_a_scientist_promotes_by_name(new_page: Callable[[], Page], platform: Platform, people: dict[str, str]) -> None:
    with closing(platform.client()) as admin:
        (found,) = [each for each in admin.get("/v1/models").json()["items"] if each["name"] == "iris"]
        dataset_id = found["versions"][0]["dataset_id"]
        if len(found["versions"]) == 1:
            target = found["versions"][0]["signature"]["target"]
            body = {"dataset_id": dataset_id, "target": target, "model": "iris", "algorithm": "linear"}
            job = admin.post("/v1/jobs", json=body).json()
            deadline = time.monotonic() + 120
            while admin.get(f"/v1/jobs/{job['id']}").json()["state"] != "succeeded" and time.monotonic() < deadline:
                time.sleep(0.3)
    page = new_page()
    sign_in(page, f"{platform.ui_url}/models?model=iris", "web-scientist", PASSWORD)
    page.get_by_role("combobox", name="Version").click()
    page.get_by_role("option", name="Version 2").click()
    page.get_by_role("button", name="Promote to champion").click()
    question = page.get_by_role("dialog")
    expect(question.get_by_role("button", name="Promote to champion")).to_be_disabled()
    question.get_by_label("Name", exact=True).fill("iris")
    question.get_by_label("Name", exact=True).press("Enter")
    question.get_by_role("button", name="Promote to champion").click()
    expect(page.get_by_text("Version 2 answers now")).to_be_visible(timeout=WAIT)
    with closing(platform.client()) as admin:
        assert admin.get("/v1/models/iris").json()["aliases"]["champion"] == "2"
        admin.put("/v1/models/iris/aliases/champion", json={"version": "1"})


@pytest.fixture(scope="module")
def stranger(platform: Platform) -> Iterator[httpx.Client]:
    """Somebody without a cookie, who trusts the platform's own authority only."""
    trust = ssl.create_default_context(cafile=str(platform.home / "certs" / "ca.pem"))
    with httpx.Client(base_url=platform.ui_url, verify=trust, timeout=30) as client:
        yield client


@pytest.mark.parametrize("address", ["/media/0.csv", "/_stcore/metrics", "/_stcore/upload_file/a/b", "/ui/uploads"])
def test_a_stranger_finds_the_doors_shut(stranger: httpx.Client, address: str) -> None:
    assert stranger.get(address).status_code == 401
    assert stranger.put(address, content=b"x" * 1000).status_code == 401


@pytest.mark.parametrize("address", ["/", "/datasets", "/_stcore/health", "/static/nothing.js", "/media/0.csv"])
def test_every_answer_carries_the_headers(stranger: httpx.Client, address: str) -> None:
    headers = stranger.get(address).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_page_brings_nothing_in_from_outside_and_takes_nothing_there(
    new_page: Callable[[], Page], witness: Witness, platform: Platform, people: dict[str, str]
) -> None:
    """What a text of a stranger could make the browser do, were it ever taken for markup."""
    page = new_page()
    sign_in(page, platform.ui_url, "web-scientist", PASSWORD)
    refused = page.evaluate(
        """async outside => {
            const refused = []
            document.addEventListener("securitypolicyviolation", event => refused.push(event.effectiveDirective))
            const image = new Image()
            image.src = `${outside}/pixel.png`
            const script = document.createElement("script")
            script.src = `${outside}/script.js`
            const frame = document.createElement("iframe")
            frame.src = outside
            document.body.append(image, script, frame)
            await fetch(outside).catch(() => {})
            await new Promise(resolve => setTimeout(resolve, 500))
            return refused.sort()
        }""",
        platform.api_url,
    )
    assert refused == ["connect-src", "frame-src", "img-src", "script-src-elem"]
    witness.asked.clear()  # the browser counts as asked what it refused to ask
    witness.complaints.clear()


def test_there_is_no_plain_http(platform: Platform) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://localhost:{platform.ui_port}/", timeout=5)


def test_nobody_takes_over_a_session_by_its_id(
    new_page: Callable[[], Page], platform: Platform, people: dict[str, str]
) -> None:
    page = new_page()
    ids: list[str] = []
    page.on("websocket", lambda socket: _note_session(socket, ids))
    sign_in(page, f"{platform.ui_url}/models", "web-scientist", PASSWORD)
    expect(page.get_by_text("iris").first).to_be_visible(timeout=WAIT)
    victim = ids[-1]
    seen, given = _as_stranger(platform, victim)
    assert given != victim
    assert "Username" in seen
    assert "iris" not in seen
    page.get_by_role("link", name="Predict").first.click()
    expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=WAIT)


def _note_session(socket: WebSocket, ids: list[str]) -> None:
    def note(payload: str | bytes) -> None:
        message = ForwardMsg()
        if isinstance(payload, bytes) and message.ParseFromString(payload) and message.HasField("new_session"):
            ids.append(message.new_session.initialize.session_id)

    socket.on("framereceived", note)


def _as_stranger(platform: Platform, session_id: str) -> tuple[str, str]:
    """What a client without the cookie sees that knows the id of somebody's session, and the session it is given."""
    trust = ssl.create_default_context(cafile=str(platform.home / "certs" / "ca.pem"))
    claimed = [Subprotocol(part) for part in ("streamlit", "PLACEHOLDER_AUTH_TOKEN", session_id)]
    address = f"wss://localhost:{platform.ui_port}/_stcore/stream"
    seen, given, finished = "", "", False
    with connect(address, ssl=trust, subprotocols=claimed, max_size=None) as socket:
        rerun = BackMsg()
        rerun.rerun_script.query_string = ""
        socket.send(rerun.SerializeToString())
        while not finished:
            message = ForwardMsg()
            message.ParseFromString(socket.recv(timeout=30, decode=False))
            seen += str(message)
            finished = message.HasField("script_finished")
            if message.HasField("new_session"):
                given = message.new_session.initialize.session_id
    return seen, given
