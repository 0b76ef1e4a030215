"""Managers keep the subscribers; nobody else does."""

import pytest

from backend.identity.authority import ensure_authority
from backend.settings import Settings
from tests.conftest import Person

NEW = {"name": "billing", "models": ["iris"]}
FIELDS = {
    "id", "name", "description", "models", "rate_per_minute", "daily_quota", "certificate_hours", "state", "created_by",
    "created_at",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _with_authority(settings: Settings) -> None:
    ensure_authority(settings)


def _create(person: Person, **more: object) -> dict[str, object]:
    answer = person.post("/v1/subscribers", json=NEW | more)
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.get_json()
    return made


def test_a_manager_creates_reads_changes_and_removes_a_subscriber(manager: Person) -> None:
    made = _create(manager, description="Invoices", rate_per_minute=60, daily_quota=1000, certificate_hours=24)
    assert set(made) == FIELDS
    assert (made["state"], made["created_by"], made["models"]) == ("active", "manager", ["iris"])
    path = f"/v1/subscribers/{made['id']}"
    assert manager.get(path).get_json() == made
    changed = manager.patch(path, json={"models": ["*"], "rate_per_minute": None}).get_json()
    assert changed == made | {"models": ["*"], "rate_per_minute": None}
    assert manager.get("/v1/subscribers").get_json() == {"items": [changed]}
    assert manager.delete(path).status_code == 204
    assert manager.get(path).status_code == 404


def test_a_manager_suspends_and_resumes(manager: Person) -> None:
    path = f"/v1/subscribers/{_create(manager)['id']}"
    for state in ("suspended", "suspended", "active"):
        assert manager.patch(path, json={"state": state}).get_json()["state"] == state
        assert manager.get(path).get_json()["state"] == state


def test_an_empty_change_changes_nothing(manager: Person) -> None:
    made = _create(manager)
    assert manager.patch(f"/v1/subscribers/{made['id']}", json={}).get_json() == made


def test_an_enrolment_is_told_once(manager: Person) -> None:
    path = f"/v1/subscribers/{_create(manager)['id']}"
    answer = manager.post(f"{path}/enrolment")
    assert answer.status_code == 201
    assert set(answer.get_json()) == {"token", "expires_at"}
    assert answer.get_json()["token"] not in manager.get(path).text
    manager.patch(path, json={"state": "suspended"})
    assert manager.post(f"{path}/enrolment").status_code == 403


@pytest.mark.parametrize("person", ["scientist", "expert"])
def test_nobody_else_may(request: pytest.FixtureRequest, person: str) -> None:
    caller: Person = request.getfixturevalue(person)
    assert caller.get("/v1/subscribers").status_code == 403
    assert caller.post("/v1/subscribers", json=NEW).status_code == 403
    for path in ("/v1/subscribers/x/enrolment", "/v1/subscribers/x/certificates", "/v1/certificates/1/revoke"):
        assert caller.post(path, json={}).status_code == 403
    assert caller.get("/v1/certificates").status_code == 403
    assert caller.get("/v1/key-files/x").status_code == 403


def test_unknown_ones_are_not_found(manager: Person) -> None:
    assert manager.patch("/v1/subscribers/x", json={}).status_code == 404
    assert manager.delete("/v1/subscribers/x").status_code == 404
    assert manager.post("/v1/subscribers/x/enrolment").status_code == 404
    assert manager.post("/v1/subscribers/x/certificates", json={"generate": True}).status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"name": "billing"}, 409, "already"),
        ({"name": "<script>"}, 422, "name"),
        ({"name": None}, 422, "name"),
        ({"models": "iris"}, 422, "models"),
        ({"models": ["*", "iris"]}, 422, "alone"),
        ({"rate_per_minute": 0}, 422, "rate"),
        ({"rate_per_minute": True}, 422, "rate_per_minute"),
        ({"rate_per_minute": "60"}, 422, "rate_per_minute"),
        ({"daily_quota": -1}, 422, "quota"),
        ({"certificate_hours": 2161}, 422, "2160"),
        ({"state": "active"}, 422, "state"),
        ({"id": "mine"}, 422, "id"),
    ],
)
def test_a_bad_subscriber_is_refused_by_name(
    manager: Person, change: dict[str, object], status: int, named: str
) -> None:
    _create(manager)
    answer = manager.post("/v1/subscribers", json=NEW | {"name": "another"} | change)
    assert (answer.status_code, named in answer.get_json()["detail"]) == (status, True), answer.text
    assert len(manager.get("/v1/subscribers").get_json()["items"]) == 1


@pytest.mark.parametrize("change", [{"state": "deleted"}, {"state": None}, {"created_by": "me"}, {"models": None}])
def test_a_bad_change_is_refused(manager: Person, change: dict[str, object]) -> None:
    made = _create(manager)
    path = f"/v1/subscribers/{made['id']}"
    assert manager.patch(path, json=change).status_code == 422
    assert manager.get(path).get_json() == made
