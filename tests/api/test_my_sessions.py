"""Where people are signed in: listed, ended by themselves and by administrators, at once."""

import pytest
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.database import db
from tests.api.conftest import CHROME, FIREFOX, WebApp
from tests.conftest import PASSWORD, Person


def _sessions(person: Person) -> list[dict[str, object]]:
    found: list[dict[str, object]] = person.get("/v1/me/sessions").get_json()["items"]
    return found


def _user_id(admin: Person, username: str) -> str:
    (found,) = [each["id"] for each in admin.get("/v1/users").get_json()["items"] if each["username"] == username]
    return str(found)


@pytest.fixture
def handles(web_app: WebApp, expert: Person) -> list[str]:
    """Two browsers in which the expert is signed in, beside the program."""
    return [web_app.sign_in("expert", PASSWORD, agent=agent) for agent in (CHROME, FIREFOX)]


def test_a_person_sees_where_they_are_signed_in(expert: Person, handles: list[str], manager: Person) -> None:
    found = _sessions(expert)
    assert {each["browser"] for each in found} == {"Chrome on Linux", "Firefox on Linux", "Werkzeug"}
    assert [each["is_web"] for each in found if each["is_current"]] == [False]
    assert {each["address"] for each in found} == {"127.0.0.1", "192.0.2.9"}
    assert all(each["created_at"] and each["seen_at"] and each["ends_at"] for each in found)
    assert len(_sessions(manager)) == 1


def test_one_is_ended_and_the_others_stay(expert: Person, web_app: WebApp, handles: list[str]) -> None:
    (chosen,) = [each for each in _sessions(expert) if each["browser"] == "Firefox on Linux"]
    assert expert.delete(f"/v1/me/sessions/{chosen['id']}").status_code == 204
    assert expert.delete(f"/v1/me/sessions/{chosen['id']}").status_code == 404
    answers = [web_app.resume(handle, agent=agent) for handle, agent in zip(handles, (CHROME, FIREFOX), strict=True)]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert len(_sessions(expert)) == 2


def test_a_session_of_another_person_is_not_there(expert: Person, manager: Person) -> None:
    (theirs,) = _sessions(manager)
    assert expert.delete(f"/v1/me/sessions/{theirs['id']}").status_code == 404
    assert expert.delete("/v1/me/sessions/no-such").status_code == 404
    assert len(_sessions(manager)) == 1


def test_all_others_are_ended(expert: Person, web_app: WebApp, handles: list[str]) -> None:
    assert expert.delete("/v1/me/sessions").status_code == 204
    assert [each["is_current"] for each in _sessions(expert)] == [True]
    assert web_app.resume(handles[0]).status_code == 404


def test_the_first_of_two_sessions_is_not_the_seconds(web_app: WebApp, handles: list[str]) -> None:
    token = web_app.resume(handles[0]).get_json()["access_token"]
    mine = web_app.call("GET", "/v1/me/sessions", token=token).get_json()["items"]
    assert [each["browser"] for each in mine if each["is_current"]] == ["Chrome on Linux"]
    assert web_app.call("DELETE", "/v1/me/sessions", token=token).status_code == 204
    assert web_app.resume(handles[0]).status_code == 200
    assert web_app.resume(handles[1], agent=FIREFOX).status_code == 404


def test_an_administrator_ends_the_sessions_of_a_person(
    admin: Person, expert: Person, web_app: WebApp, handles: list[str]
) -> None:
    address = f"/v1/users/{_user_id(admin, 'expert')}/sessions"
    assert len(admin.get(address).get_json()["items"]) == 3
    assert admin.delete(address).status_code == 204
    assert admin.get(address).get_json()["items"] == []
    assert expert.get("/v1/me").status_code == 401
    assert web_app.resume(handles[0]).status_code == 404
    with db.engine.connect() as connection:
        told = connection.execute(select(AuditEvent.actor).where(AuditEvent.event == "session.ended")).scalars().all()
    assert told == ["admin"] * 3


@pytest.mark.parametrize("method", ["get", "delete"])
def test_nobody_else_looks_at_or_ends_the_sessions_of_a_person(
    admin: Person, expert: Person, manager: Person, method: str
) -> None:
    address = f"/v1/users/{_user_id(admin, 'manager')}/sessions"
    assert getattr(expert, method)(address).status_code == 403
    assert len(_sessions(manager)) == 1


def test_a_user_that_is_not_there_has_none(admin: Person) -> None:
    assert admin.get("/v1/users/no-such/sessions").status_code == 404
    assert admin.delete("/v1/users/no-such/sessions").status_code == 404


def test_a_token_that_is_renewed_was_used_then(expert: Person) -> None:
    before = str(_sessions(expert)[0]["seen_at"])
    renewed = expert.http.post("/refresh", headers={"Authorization": f"Bearer {expert.tokens['refresh_token']}"})
    expert.tokens = renewed.get_json()
    assert str(_sessions(expert)[0]["seen_at"]) > before
