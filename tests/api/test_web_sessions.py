"""Sessions of the web app: only it may ask, a code works once, a handle is the person until it is ended or not used."""

import base64
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from backend.api.catalog import ENDPOINTS
from backend.audit.tables import AuditEvent
from backend.database import db, now
from backend.identity.tables import Session, WebHandle
from backend.listener.wsgi import PROXIED
from backend.settings import Settings
from tests.api.conftest import CHROME, FIREFOX, Subscribed, WebApp
from tests.conftest import PASSWORD, Person

ADDRESSES = [("POST", ""), ("POST", "/exchange"), ("POST", "/resume"), ("DELETE", "/current")]
NEWER = CHROME.replace("156.0", "157.0")


@pytest.fixture
def handle(web_app: WebApp, expert: Person) -> str:
    return web_app.sign_in("expert", PASSWORD)


def _token(web_app: WebApp, handle: str) -> str:
    answer = web_app.resume(handle)
    assert answer.status_code == 200, answer.text
    token: str = answer.get_json()["access_token"]
    return token


def _later(**changes: timedelta) -> None:
    """Move the session's times, as if so much time had passed."""
    for session in db.session.scalars(select(Session).where(Session.idle_ends_at.is_not(None))):
        for column, passed in changes.items():
            setattr(session, column, getattr(session, column) - passed)
    db.session.commit()


class TestWhoMayAsk:
    @pytest.mark.parametrize(("method", "path"), ADDRESSES)
    def test_nobody_but_the_web_app(
        self, http: FlaskClient, admin: Person, subscribed: object, method: str, path: str
    ) -> None:
        billing: Subscribed = subscribed("billing", models=["*"])  # type: ignore[operator]
        address = f"/v1/web-sessions{path}"
        answers = [
            http.open(address, method=method, json={}),
            http.open(address, method=method, json={}, headers=admin.headers),
            billing.call(method, address, json={}),
            billing.call(method, address, token=billing.token(), json={}),
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 401]

    def test_its_certificate_opens_nothing_else(self, web_app: WebApp) -> None:
        opened = []
        for endpoint in ENDPOINTS:
            if endpoint.access.name in {"PUBLIC", "WEB_APP"}:
                continue
            answer = web_app.call(endpoint.method, endpoint.path.replace("{", "").replace("}", ""), json={})
            if answer.status_code != 401:
                opened.append(f"{endpoint.method} {endpoint.path}: {answer.status_code}")
        assert opened == []

    def test_it_gets_no_token_for_itself(self, web_app: WebApp) -> None:
        form = {"grant_type": "client_credentials", "client_id": "web-app"}
        assert web_app.call("POST", "/oauth/token", data=form).status_code == 401

    def test_a_proxy_hands_its_certificate_on(
        self, web_app: WebApp, http: FlaskClient, subscribed: object, settings: Settings
    ) -> None:
        billing: Subscribed = subscribed("billing", models=["*"])  # type: ignore[operator]

        def resumed(der: bytes) -> int:
            headers = {"Client-Cert": f":{base64.b64encode(der).decode()}:"}
            address = "/v1/web-sessions/resume"
            return http.post(
                address, json={"handle": "x"}, headers=headers, environ_overrides={PROXIED: True}
            ).status_code

        assert [resumed(der) for der in (web_app.der, billing.der, b"nonsense")] == [404, 401, 401]

    def test_a_certificate_that_was_taken_away_is_refused_at_once(self, web_app: WebApp, settings: Settings) -> None:
        (settings.certs / "web-app.pem").unlink()
        assert web_app.resume("x").status_code == 401


class TestSigningIn:
    def test_a_code_becomes_a_handle_and_the_handle_the_person(self, web_app: WebApp, expert: Person) -> None:
        begun = web_app.begin("expert", PASSWORD)
        assert (begun.status_code, set(begun.get_json())) == (201, {"code"})
        exchanged = web_app.exchange(begun.get_json()["code"]).get_json()
        assert set(exchanged) == {"handle", "max_age"}
        assert 12 * 3600 - 60 < exchanged["max_age"] <= 12 * 3600
        resumed = web_app.resume(exchanged["handle"]).get_json()
        person = resumed["person"]
        assert (person["username"], person["role"], person["second_factor"]) == ("expert", "expert", False)
        assert "jobs:run" in person["permissions"]
        me = web_app.http.get("/v1/me", headers={"Authorization": f"Bearer {resumed['access_token']}"})
        assert me.get_json() == person

    def test_what_is_kept_cannot_be_replayed(self, web_app: WebApp, handle: str) -> None:
        kept = [str(vars(row)) for table in (Session, WebHandle) for row in db.session.scalars(select(table))]
        assert handle not in "".join(kept)

    @pytest.mark.parametrize(
        ("username", "password"), [("expert", "wrong"), ("nobody", PASSWORD), ("expert", f"{PASSWORD} ")]
    )
    def test_unknown_and_wrong_look_alike(self, web_app: WebApp, expert: Person, username: str, password: str) -> None:
        answer = web_app.begin(username, password)
        assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-credentials")

    def test_a_code_works_once(self, web_app: WebApp, expert: Person) -> None:
        code = web_app.begin("expert", PASSWORD).get_json()["code"]
        assert web_app.exchange(code).status_code == 200
        assert web_app.exchange(code).status_code == 401

    def test_a_code_ends(self, web_app: WebApp, expert: Person) -> None:
        code = web_app.begin("expert", PASSWORD).get_json()["code"]
        db.session.execute(update(WebHandle).values(code_ends_at=now()))
        db.session.commit()
        assert web_app.exchange(code).status_code == 401

    def test_a_code_is_of_the_browser_that_signed_in(self, web_app: WebApp, expert: Person) -> None:
        code = web_app.begin("expert", PASSWORD).get_json()["code"]
        assert web_app.exchange(code, agent=FIREFOX).status_code == 401

    def test_a_code_is_no_handle_and_a_handle_no_code(self, web_app: WebApp, expert: Person, handle: str) -> None:
        code = web_app.begin("expert", PASSWORD).get_json()["code"]
        assert web_app.resume(code).status_code == 404
        assert web_app.exchange(handle).status_code == 401

    def test_a_session_that_is_never_taken_up_does_not_stay(self, web_app: WebApp, expert: Person) -> None:
        web_app.begin("expert", PASSWORD)
        _later(idle_ends_at=timedelta(seconds=31))
        assert [each["is_web"] for each in expert.get("/v1/me/sessions").get_json()["items"]] == [False]


class TestHandle:
    def test_it_goes_on_until_the_person_signs_out(self, web_app: WebApp, handle: str) -> None:
        token = _token(web_app, handle)
        assert web_app.end(handle).status_code == 204
        assert web_app.resume(handle).status_code == 404
        assert web_app.call("GET", "/v1/me", token=token).status_code == 401
        assert web_app.end(handle).status_code == 204

    def test_it_has_no_refresh_token(self, web_app: WebApp, handle: str) -> None:
        assert web_app.call("POST", "/refresh", token=_token(web_app, handle)).status_code == 401

    def test_its_token_signs_out_too(self, web_app: WebApp, handle: str) -> None:
        assert web_app.call("POST", "/logout", token=_token(web_app, handle)).status_code == 204
        assert web_app.resume(handle).status_code == 404

    def test_a_session_that_is_not_used_ends_with_its_tokens(self, web_app: WebApp, handle: str) -> None:
        token = _token(web_app, handle)
        _later(idle_ends_at=timedelta(minutes=30))
        assert web_app.resume(handle, active=True).status_code == 404
        assert web_app.call("GET", "/v1/me", token=token).status_code == 401

    def test_what_the_person_does_puts_the_end_off_and_what_a_page_does_by_itself_does_not(
        self, web_app: WebApp, handle: str
    ) -> None:
        def idle_ends_at() -> object:
            db.session.expire_all()
            return db.session.scalar(select(Session.idle_ends_at).where(Session.idle_ends_at.is_not(None)))

        _later(idle_ends_at=timedelta(minutes=20), seen_at=timedelta(minutes=20))
        before = idle_ends_at()
        assert web_app.resume(handle).status_code == 200
        assert idle_ends_at() == before
        assert web_app.resume(handle, active=True).status_code == 200
        assert idle_ends_at() > before  # type: ignore[operator]

    def test_no_session_is_older_than_its_life(self, web_app: WebApp, handle: str) -> None:
        _later(expires_at=timedelta(hours=11, minutes=50), seen_at=timedelta(minutes=5))
        assert web_app.resume(handle, active=True).status_code == 200
        _later(expires_at=timedelta(minutes=10))
        assert web_app.resume(handle, active=True).status_code == 404

    @pytest.mark.parametrize("word", ["", "x", "é" * 100])
    def test_a_guess_is_nobody(self, web_app: WebApp, handle: str, word: str) -> None:
        assert web_app.resume(word).status_code == 404

    def test_who_is_disabled_is_out(self, web_app: WebApp, handle: str, admin: Person) -> None:
        (user,) = [u for u in admin.get("/v1/users").get_json()["items"] if u["username"] == "expert"]
        admin.patch(f"/v1/users/{user['id']}", json={"disabled": True})
        assert web_app.resume(handle).status_code == 404

    def test_another_role_is_known_at_the_next_visit(self, web_app: WebApp, handle: str, admin: Person) -> None:
        (user,) = [u for u in admin.get("/v1/users").get_json()["items"] if u["username"] == "expert"]
        admin.patch(f"/v1/users/{user['id']}", json={"role": "manager"})
        assert "subscribers:manage" in web_app.resume(handle).get_json()["person"]["permissions"]


class TestTheft:
    def test_another_kind_of_browser_ends_it(self, web_app: WebApp, handle: str, app: Flask) -> None:
        token = _token(web_app, handle)
        assert web_app.resume(handle, agent=FIREFOX).status_code == 404
        assert web_app.resume(handle).status_code == 404
        assert web_app.call("GET", "/v1/me", token=token).status_code == 401
        with db.engine.connect() as connection:
            told = connection.execute(select(AuditEvent.event, AuditEvent.outcome)).all()
        assert ("session.reused", "refused") in [tuple(row) for row in told]

    def test_a_browser_that_renewed_itself_does_not(self, web_app: WebApp, handle: str) -> None:
        assert web_app.resume(handle, agent=NEWER).status_code == 200
