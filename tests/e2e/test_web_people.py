"""Managers and administrators in a real browser: a service is admitted, enrols and is refused again; a person gets an account."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyotp
import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.sync_api import Locator, Page, expect

from signet_client import Signet, Unauthenticated
from tests.e2e.browsing import PASSWORD, WAIT, sign_in
from tests.e2e.running import Platform

pytestmark = pytest.mark.browser
NEW_PASSWORD = "a very new battery staple"


@pytest.fixture(scope="module")
def keepers(platform: Platform) -> None:
    """A manager and an administrator who sign in."""
    with closing(platform.client()) as admin:
        for username, role in (("web-mona", "manager"), ("web-olga", "admin")):
            body = {"username": username, "password": PASSWORD, "role": role}
            assert admin.post("/v1/users", json=body).status_code == 201


def button(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def told(page: Page) -> Locator:
    """The dialog of what is told once."""
    dialog = page.get_by_role("dialog")
    expect(button(dialog, "I have it")).to_be_visible(timeout=WAIT)
    return dialog


def saved(page: Page, name: str, path: Path) -> Path:
    with page.expect_download() as download:
        button(page, name).click()
    download.value.save_as(path)
    return path


def admitted(page: Page, platform: Platform, name: str) -> None:
    """Let the manager admit a service that may ask the sample model."""
    page.goto(f"{platform.ui_url}/subscribers")
    button(page, "Admit a service").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Name").press("Tab")
    dialog.get_by_label("Models that it may ask").click()
    page.get_by_role("option", name="iris").click()
    # The list of options stays open for more, and hides the rest until the keyboard moves on.
    page.keyboard.press("Tab")
    button(dialog, "Admit").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=WAIT)


def test_a_service_enrols_by_the_lines_that_are_shown_and_is_revoked(
    new_page: Callable[[], Page], platform: Platform, keepers: None, tmp_path: Path
) -> None:
    page = new_page()
    sign_in(page, platform.ui_url, "web-mona", PASSWORD)
    admitted(page, platform, "web-billing")
    button(page, "New enrolment token").click()
    shown = told(page).locator("code").filter(has_text="umask")
    expect(shown).to_be_visible(timeout=WAIT)
    lines = shown.inner_text()
    saved(page, "Save ca.pem", tmp_path / "ca.pem")
    button(page, "I have it").click()
    enrolled = subprocess.run(
        ["bash", "-c", lines], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (enrolled.returncode, enrolled.stderr) == (0, "")
    assert (tmp_path / "client.pem").stat().st_mode & 0o077 == 0

    pem = tmp_path / "client.pem"
    with Signet(platform.api_url, ca=tmp_path / "ca.pem", certificate=(pem, pem)) as service:
        assert service.predict([5.1, 3.5, 1.4, 0.2], model="iris")["prediction"] == "setosa"
        _revoke(page, platform)
        with pytest.raises(Unauthenticated):
            service.predict([5.1, 3.5, 1.4, 0.2], model="iris")


def _revoke(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.ui_url}/certificates")
    page.get_by_role("link", name=re.compile("web-billing ·")).click()
    button(page, "Revoke").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").click()
    page.get_by_role("option", name=re.compile("keyCompromise")).click()
    expect(button(dialog, "Revoke")).to_be_disabled()
    dialog.get_by_label("Name").fill("web-billing")
    dialog.get_by_label("Name").press("Enter")
    button(dialog, "Revoke").click()
    expect(page.get_by_text("Revoked (the key was stolen")).to_be_visible(timeout=WAIT)


def test_a_key_file_leaves_the_platform_once_and_touches_no_public_folder(
    new_page: Callable[[], Page], platform: Platform, keepers: None, tmp_path: Path
) -> None:
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    sign_in(page, platform.ui_url, "web-mona", PASSWORD)
    admitted(page, platform, "web-kiosk")
    button(page, "New certificate").click()
    page.get_by_text("A key made here").click()
    button(page, "Issue").click()
    password = told(page).locator("code").first.inner_text().strip()
    button(page, "Save the key file (PKCS#12)").click()
    expect(page.get_by_text("Type your password first.")).to_be_visible()
    page.get_by_label("Your password").fill("not my password")
    button(page, "Save the key file (PKCS#12)").click()
    expect(page.get_by_text("Wrong username or password.")).to_be_visible(timeout=WAIT)
    page.get_by_label("Your password").fill(PASSWORD)
    path = saved(page, "Save the key file (PKCS#12)", tmp_path / "key.p12")
    assert pkcs12.load_pkcs12(path.read_bytes(), password.encode()).key is not None
    expect(button(page, "Save the key file (PKCS#12)")).to_be_disabled()
    assert {each for each in asked if "key-file" in each} == {f"POST {platform.ui_url}/ui/downloads/key-file"}
    assert not [each for each in asked if each.startswith(f"GET {platform.ui_url}/media/")]
    page.reload()
    expect(page.get_by_role("heading", name="web-kiosk")).to_be_visible(timeout=WAIT)
    assert password not in page.content()


def test_the_journal_is_verified_and_exported(
    new_page: Callable[[], Page], platform: Platform, keepers: None, tmp_path: Path
) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/audit?target=user:web-mona", "web-mona", PASSWORD)
    button(page, "Verify the journal").click()
    expect(page.get_by_text("The journal is whole")).to_be_visible(timeout=WAIT)
    lines = saved(page, "Export as CSV", tmp_path / "audit.csv").read_text().splitlines()
    assert lines[0].startswith("position,at,event")
    assert len(lines) > 1
    assert all("user:web-mona" in line for line in lines[1:])


def test_a_new_person_gets_a_password_a_second_factor_and_another_password(
    new_page: Callable[[], Page], platform: Platform, keepers: None
) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/users", "web-olga", PASSWORD)
    button(page, "New user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Username").fill("web-zoe")
    dialog.get_by_label("Username").press("Tab")
    dialog.get_by_label("Role").click()
    page.get_by_role("option", name="Domain expert").click()
    button(dialog, "Create").click()
    first = told(page).locator("code").last.inner_text().strip()

    zoe = new_page()
    sign_in(zoe, f"{platform.ui_url}/account", "web-zoe", first)
    code = _with_second_factor(zoe, first)
    zoe.get_by_label("Present password").fill(first)
    zoe.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    zoe.get_by_label("New password again").fill(NEW_PASSWORD)
    button(zoe, "Change password").click()
    expect(zoe.get_by_text("password was changed")).to_be_visible(timeout=WAIT)
    zoe.get_by_label("Username").fill("web-zoe")
    zoe.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    button(zoe, "Sign in").click()
    zoe.get_by_label("Code").fill(code)
    button(zoe, "Sign in").click()
    expect(button(zoe, "Sign out")).to_be_visible(timeout=WAIT)


def _with_second_factor(page: Page, password: str) -> str:
    """Set it up; a recovery code."""
    button(page, "Set up").click()
    expect(button(page, "Use it from now on")).to_be_visible(timeout=WAIT)
    page.get_by_text("Or add it by hand").click()
    expect(page.locator("code").first).to_be_visible(timeout=WAIT)
    secret = page.locator("code").first.inner_text().strip()
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).now())
    button(page, "Use it from now on").click()
    recovery = told(page).locator("code").first.inner_text().split()[0]
    button(page, "I have it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    return recovery


def test_pages_of_others_stay_shut(new_page: Callable[[], Page], platform: Platform, keepers: None) -> None:
    page = new_page()
    sign_in(page, f"{platform.ui_url}/users", "web-mona", PASSWORD)
    expect(page.get_by_text("Your role does not open")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
