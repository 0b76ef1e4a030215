"""A second factor over HTTP: begun, confirmed, asked for, removed, reset."""

import time

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.identity.authority_files import ensure_encryption_key
from backend.settings import Settings
from tests.api.conftest import WebApp
from tests.conftest import PASSWORD, Person


@pytest.fixture(autouse=True)
def _key(app: Flask, settings: Settings) -> None:
    """What seals the secrets."""
    ensure_encryption_key(settings)


class Phone:
    """An authenticator app that is asked in good time, as its owner would ask it."""

    def __init__(self, person: Person) -> None:
        begun = person.post("/v1/me/otp")
        assert begun.status_code == 201, begun.text
        self.totp, self.person = pyotp.TOTP(begun.get_json()["secret"]), person
        self.step = int(time.time()) // 30
        proof = {"password": PASSWORD, "code": self.code()}
        confirmed = person.post("/v1/me/otp/confirm", json=proof)
        assert confirmed.status_code == 200, confirmed.text
        self.recovery_codes: list[str] = confirmed.get_json()["recovery_codes"]

    def code(self) -> str:
        """A code that is good and was not used: of this half minute, then of the next."""
        self.step += 1
        return self.totp.generate_otp(self.step - 1)


def _login(http: FlaskClient, **more: str) -> tuple[int, str]:
    answer = http.post("/login", json={"username": "expert", "password": PASSWORD, **more})
    return answer.status_code, answer.get_json().get("code", "")


def test_from_the_first_code_on_every_sign_in_needs_one(http: FlaskClient, expert: Person) -> None:
    assert expert.get("/v1/me").get_json()["second_factor"] is False
    app = Phone(expert)
    assert expert.get("/v1/me").get_json()["second_factor"] is True
    assert _login(http) == (401, "otp-required")
    assert _login(http, password="wrong password here") == (401, "invalid-credentials")
    assert _login(http, otp="000000") == (401, "invalid-credentials")
    code = app.code()
    assert _login(http, otp=code) == (200, "")
    assert _login(http, otp=code) == (401, "invalid-credentials")
    assert _login(http, otp=app.recovery_codes[0]) == (200, "")
    assert _login(http, otp=app.recovery_codes[0]) == (401, "invalid-credentials")


def test_a_beginning_alone_changes_nothing(http: FlaskClient, expert: Person) -> None:
    begun = expert.post("/v1/me/otp").get_json()
    assert set(begun) == {"secret", "uri"}
    assert begun["uri"].startswith("otpauth://totp/Signet:expert?secret=")
    assert _login(http) == (200, "")


def test_confirming_needs_the_password_and_a_code(http: FlaskClient, expert: Person) -> None:
    totp = pyotp.TOTP(expert.post("/v1/me/otp").get_json()["secret"])
    for proof in ({"password": "wrong password here", "code": totp.now()}, {"password": PASSWORD, "code": "000000"}):
        assert expert.post("/v1/me/otp/confirm", json=proof).status_code == 401
    assert _login(http) == (200, "")


def test_there_is_one_at_most(expert: Person) -> None:
    assert expert.post("/v1/me/otp/confirm", json={"password": PASSWORD, "code": "123456"}).status_code == 409
    Phone(expert)
    assert expert.post("/v1/me/otp").status_code == 409


def test_removing_needs_the_password_and_a_code(http: FlaskClient, expert: Person) -> None:
    app = Phone(expert)
    code = app.code()
    for proof in ({"password": "wrong password here", "code": code}, {"password": PASSWORD, "code": "000000"}):
        assert expert.delete("/v1/me/otp", json=proof).status_code == 401
    assert expert.delete("/v1/me/otp", json={"password": PASSWORD}).status_code == 422
    assert expert.delete("/v1/me/otp", json={"password": PASSWORD, "code": code}).status_code == 204
    assert _login(http) == (200, "")


def test_an_administrator_resets_a_lost_one_and_the_journal_says_so(
    http: FlaskClient, admin: Person, expert: Person
) -> None:
    Phone(expert)
    path = f"/v1/users/{expert.get('/v1/me').get_json()['id']}/otp"
    assert expert.delete(path).status_code == 403
    assert admin.delete(path).status_code == 204
    assert _login(http) == (200, "")
    (reset,) = admin.get("/v1/audit?event=second_factor.reset").get_json()["items"]
    assert (reset["actor"], reset["target"]) == ("admin", "user:expert")
    assert admin.delete("/v1/users/unknown/otp").status_code == 404


def test_changing_the_password_keeps_it(http: FlaskClient, expert: Person) -> None:
    Phone(expert)
    change = {"current": PASSWORD, "new": "another long passphrase"}
    assert expert.put("/v1/me/password", json=change).status_code == 204
    assert _login(http, password=change["new"]) == (401, "otp-required")


def test_an_open_session_cannot_be_used_to_guess_the_password(expert: Person) -> None:
    change = {"current": "wrong password here", "new": "another long passphrase"}
    statuses = [expert.put("/v1/me/password", json=change).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


def test_recovery_codes_are_counted_and_renewed(http: FlaskClient, expert: Person) -> None:
    phone = Phone(expert)
    assert expert.get("/v1/me").get_json()["recovery_codes_left"] == 10
    assert _login(http, otp=phone.recovery_codes[0]) == (200, "")
    assert expert.get("/v1/me").get_json()["recovery_codes_left"] == 9
    wrong = {"password": PASSWORD, "code": phone.recovery_codes[0]}
    assert expert.post("/v1/me/otp/recovery-codes", json=wrong).status_code == 401
    proof = {"password": PASSWORD, "code": phone.recovery_codes[1]}
    renewed = expert.post("/v1/me/otp/recovery-codes", json=proof).get_json()["recovery_codes"]
    assert len(set(renewed) - set(phone.recovery_codes)) == 10
    assert expert.get("/v1/me").get_json()["recovery_codes_left"] == 10
    assert _login(http, otp=phone.recovery_codes[2]) == (401, "invalid-credentials")
    assert _login(http, otp=renewed[0]) == (200, "")


def test_without_a_second_factor_there_are_no_recovery_codes(expert: Person) -> None:
    assert expert.get("/v1/me").get_json()["recovery_codes_left"] == 0
    proof = {"password": PASSWORD, "code": "123456"}
    assert expert.post("/v1/me/otp/recovery-codes", json=proof).status_code == 409


def test_the_web_app_asks_for_the_code_too(web_app: WebApp, expert: Person) -> None:
    phone = Phone(expert)
    asked = web_app.begin("expert", PASSWORD)
    assert (asked.status_code, asked.get_json()["code"]) == (401, "otp-required")
    assert web_app.begin("expert", PASSWORD, otp="000000").status_code == 401
    assert web_app.begin("expert", PASSWORD, otp=phone.code()).status_code == 201


def test_an_administrator_sees_who_has_one(admin: Person, expert: Person) -> None:
    Phone(expert)
    assert {u["username"]: u["second_factor"] for u in admin.get("/v1/users").get_json()["items"]} == {
        "admin": False,
        "expert": True,
    }
