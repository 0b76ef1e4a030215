"""Administrators keep the users; nobody else does."""

import pytest
from flask.testing import FlaskClient

from tests.conftest import PASSWORD, Person

NEW = {"username": "ada", "password": PASSWORD, "role": "scientist"}


def test_an_administrator_creates_reads_changes_and_removes_a_person(admin: Person, http: FlaskClient) -> None:
    made = admin.post("/v1/users", json=NEW)
    assert made.status_code == 201
    assert set(made.get_json()) == {"id", "username", "role", "created_at", "disabled_at", "second_factor"}
    path = f"/v1/users/{made.get_json()['id']}"
    assert Person(http, "ada", PASSWORD).get("/v1/me").get_json()["role"] == "scientist"
    assert admin.patch(path, json={"role": "manager"}).get_json()["role"] == "manager"
    assert [user["username"] for user in admin.get("/v1/users").get_json()["items"]] == ["ada", "admin"]
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404


def test_a_new_password_by_the_administrator_ends_the_persons_sessions(admin: Person, http: FlaskClient) -> None:
    user = admin.post("/v1/users", json=NEW).get_json()
    ada = Person(http, "ada", PASSWORD)
    assert admin.patch(f"/v1/users/{user['id']}", json={"password": "a new long password"}).status_code == 200
    assert ada.get("/v1/me").status_code == 401
    Person(http, "ada", "a new long password")


@pytest.mark.parametrize("person", ["manager", "scientist", "expert"])
def test_nobody_else_may(request: pytest.FixtureRequest, person: str) -> None:
    caller: Person = request.getfixturevalue(person)
    assert caller.get("/v1/users").status_code == 403
    assert caller.post("/v1/users", json=NEW).status_code == 403


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"username": "ADMIN"}, 409, "already"),
        ({"username": "a b"}, 422, "username"),
        ({"username": "../x"}, 422, "username"),
        ({"password": "short"}, 422, "12 to 128"),
        ({"password": "aaaaaaaaaaaaaa"}, 422, "different"),
        ({"role": "root"}, 422, "role"),
        ({"role": None}, 422, "role"),
        ({"is_admin": True}, 422, "is_admin"),
    ],
)
def test_a_bad_user_is_refused_by_name(admin: Person, change: dict[str, object], status: int, named: str) -> None:
    answer = admin.post("/v1/users", json=NEW | change)
    assert (answer.status_code, named in answer.get_json()["detail"]) == (status, True), answer.text
    assert answer.content_type == "application/problem+json"


def test_the_last_administrator_stays(admin: Person) -> None:
    me = f"/v1/users/{admin.get('/v1/me').get_json()['id']}"
    assert admin.delete(me).status_code == 409
    assert admin.patch(me, json={"role": "expert"}).status_code == 409
    assert admin.patch(me, json={"disabled": True}).status_code == 409
    admin.post("/v1/users", json=NEW | {"role": "admin"})
    assert admin.patch(me, json={"role": "expert"}).status_code == 200


def test_a_missing_user_is_404(admin: Person) -> None:
    assert admin.get("/v1/users/unknown").status_code == 404
