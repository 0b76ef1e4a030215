"""Signing in and out, and every fault of a token."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_jwt_extended import create_access_token
from sqlalchemy import select

from backend.database import db, now
from backend.identity.tables import Session, User
from tests.conftest import PASSWORD, Person


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _claims(token: str) -> dict[str, object]:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def test_signing_in_gives_tokens_that_say_who_one_is(expert: Person) -> None:
    assert set(expert.tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    me = expert.get("/v1/me").get_json()
    assert (me["username"], me["role"]) == ("expert", "expert")
    assert "users:manage" not in me["permissions"]


def test_unknown_user_and_wrong_password_are_told_apart_by_nothing(http: FlaskClient, expert: Person) -> None:
    answers = [
        http.post(
            "/login", json={"username": name, "password": "wrong password here"}, headers={"X-Request-Id": "same"}
        )
        for name in ("expert", "nobody")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].data == answers[1].data
    assert answers[0].headers["WWW-Authenticate"].startswith("Bearer")


def test_an_unknown_user_costs_as_much_time_as_a_wrong_password(http: FlaskClient, expert: Person) -> None:
    def fastest(name: str) -> float:
        durations = []
        for _ in range(5):
            begun = time.process_time()
            http.post("/login", json={"username": name, "password": "wrong password here"})
            durations.append(time.process_time() - begun)
        return min(durations)

    assert fastest("nobody") > 0.5 * fastest("expert")


def test_a_disabled_user_is_refused_everywhere(http: FlaskClient, admin: Person, expert: Person) -> None:
    user = db.session.scalar(select(User).where(User.username == "expert"))
    assert user
    assert admin.patch(f"/v1/users/{user.id}", json={"disabled": True}).status_code == 200
    assert expert.get("/v1/me").status_code == 401
    assert http.post("/login", json={"username": "expert", "password": PASSWORD}).status_code == 401
    assert admin.patch(f"/v1/users/{user.id}", json={"disabled": False}).status_code == 200
    assert http.post("/login", json={"username": "expert", "password": PASSWORD}).status_code == 200


def test_a_role_change_holds_from_the_next_request(admin: Person, expert: Person) -> None:
    user = db.session.scalar(select(User).where(User.username == "expert"))
    assert user
    assert expert.get("/v1/users").status_code == 403
    admin.patch(f"/v1/users/{user.id}", json={"role": "admin"})
    assert expert.get("/v1/users").status_code == 200


def test_logout_ends_access_and_refresh_at_once(http: FlaskClient, expert: Person) -> None:
    assert expert.post("/logout").status_code == 204
    assert expert.get("/v1/me").status_code == 401
    assert http.post("/refresh", headers=_bearer(expert.tokens["refresh_token"])).status_code == 401


def test_a_refresh_token_works_once_and_a_second_use_ends_the_family(http: FlaskClient, expert: Person) -> None:
    first = expert.tokens["refresh_token"]
    renewed = http.post("/refresh", headers=_bearer(first)).get_json()
    assert http.get("/v1/me", headers=_bearer(renewed["access_token"])).status_code == 200
    assert http.post("/refresh", headers=_bearer(first)).status_code == 401
    assert http.get("/v1/me", headers=_bearer(renewed["access_token"])).status_code == 401
    assert http.post("/refresh", headers=_bearer(renewed["refresh_token"])).status_code == 401


def test_access_and_refresh_tokens_are_not_exchangeable(http: FlaskClient, expert: Person) -> None:
    assert http.get("/v1/me", headers=_bearer(expert.tokens["refresh_token"])).status_code == 401
    assert http.post("/refresh", headers=_bearer(expert.tokens["access_token"])).status_code == 401


def test_a_session_ends_by_its_own_end(http: FlaskClient, expert: Person) -> None:
    session = db.session.get_one(Session, _claims(expert.tokens["access_token"])["sid"])
    session.expires_at = now() - timedelta(seconds=1)
    db.session.commit()
    assert expert.get("/v1/me").status_code == 401


def _unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def _flipped(token: str) -> str:
    head, body, signature = token.split(".")
    return ".".join((head, body, ("A" if signature[0] != "A" else "B") + signature[1:]))


def _signed(app: Flask, token: str, **changes: object) -> str:
    claims = {name: value for name, value in (_claims(token) | changes).items() if value is not None}
    return jwt.encode(claims, app.config["JWT_PRIVATE_KEY"], algorithm="ES256")


FORGED = {
    "none": lambda app, token: _unsigned(token),
    "another signature": lambda app, token: _flipped(token),
    "signed with the public key as a secret": lambda app, token: _hmac(app, token),
    "no end": lambda app, token: _signed(app, token, exp=None),
    "no id": lambda app, token: _signed(app, token, jti=None),
    "no session": lambda app, token: _signed(app, token, sid=None),
    "another audience": lambda app, token: _signed(app, token, aud="someone-else"),
    "no audience": lambda app, token: _signed(app, token, aud=None),
    "another issuer": lambda app, token: _signed(app, token, iss="someone-else"),
    "expired": lambda app, token: _signed(app, token, exp=int(time.time()) - 60),
    "not yet": lambda app, token: _signed(app, token, nbf=int(time.time()) + 600),
    "an unknown session": lambda app, token: _signed(app, token, sid="00000000-0000-4000-8000-000000000000"),
    "no type": lambda app, token: _signed(app, token, type=None),
    "garbage": lambda app, token: "a.b.c",
    "long": lambda app, token: "x" * 6000,
}


def _part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _hmac(app: Flask, token: str) -> str:
    """Signed by HMAC with our public key, which a careless verifier takes as the secret."""
    signed = f"{_part(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{token.split('.')[1]}"
    key = app.config["JWT_PUBLIC_KEY"].encode()
    return f"{signed}.{_part(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize("fault", FORGED)
def test_every_fault_of_a_token_is_401(app: Flask, http: FlaskClient, expert: Person, fault: str) -> None:
    token = FORGED[fault](app, expert.tokens["access_token"])
    answer = http.get("/v1/me", headers=_bearer(token))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="signet", error="invalid_token"'
    assert answer.get_json()["code"] == "invalid-token"


def test_a_token_for_somebody_else_needs_a_session_of_theirs(app: Flask, http: FlaskClient, expert: Person) -> None:
    with app.test_request_context():
        token = create_access_token("someone", additional_claims={"sid": "not-a-session"})
    assert http.get("/v1/me", headers=_bearer(token)).status_code == 401


def test_changing_the_password_needs_the_current_one_and_ends_every_session(http: FlaskClient, expert: Person) -> None:
    change = {"current": "wrong password here", "new": "another long passphrase"}
    assert expert.put("/v1/me/password", json=change).status_code == 401
    assert expert.put("/v1/me/password", json={**change, "current": PASSWORD, "new": "short"}).status_code == 422
    assert expert.put("/v1/me/password", json={**change, "current": PASSWORD}).status_code == 204
    assert expert.get("/v1/me").status_code == 401
    assert http.post("/login", json={"username": "expert", "password": PASSWORD}).status_code == 401
    assert http.post("/login", json={"username": "EXPERT", "password": change["new"]}).status_code == 200


def test_what_each_role_may_is_one_table(expert: Person) -> None:
    roles = {row["role"]: row["permissions"] for row in expert.get("/v1/roles").get_json()["items"]}
    assert set(roles) == {"admin", "manager", "scientist", "expert"}
    assert "audit:read" in roles["manager"]
    assert "audit:read" not in roles["expert"]
