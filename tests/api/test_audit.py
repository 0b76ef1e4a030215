"""The journal over HTTP: who may read it, what the edge tells it, and what never gets into it."""

import csv
import io

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.audit import journal
from tests.api.conftest import Registered
from tests.audit.conftest import Attack
from tests.conftest import PASSWORD, Person

NEW = {"username": "ada", "password": PASSWORD, "role": "scientist"}


def _events(person: Person, **query: str) -> list[dict[str, object]]:
    answer = person.get("/v1/audit", query_string=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, object]] = answer.get_json()["items"]
    return items


def _told(person: Person, **query: str) -> list[tuple[object, ...]]:
    """What, who, to what, with what outcome; the newest first."""
    return [(e["event"], e["actor"], e["target"], e["outcome"]) for e in _events(person, **query)]


@pytest.mark.parametrize(("person", "status"), [("admin", 200), ("manager", 200), ("scientist", 403), ("expert", 403)])
def test_who_may_read_it(request: pytest.FixtureRequest, person: str, status: int) -> None:
    caller: Person = request.getfixturevalue(person)
    for path in ("/v1/audit", "/v1/audit?format=csv", "/v1/audit/verify"):
        assert caller.get(path).status_code == status


def test_an_event_says_who_did_what_when_from_where_in_which_request(admin: Person) -> None:
    made = admin.post("/v1/users", json=NEW, headers={"X-Request-Id": "abc-1"})
    (event,) = _events(admin, event="user.created", actor="admin")
    assert {name: event[name] for name in ("actor", "target", "outcome", "details", "address", "request_id")} == {
        "actor": "admin", "target": "user:ada", "outcome": "done", "details": {"role": "scientist"}, "address": "127.0.0.1",
        "request_id": "abc-1",
    }  # fmt: skip
    assert str(event["at"])[:10] == made.get_json()["created_at"][:10]
    assert len(str(event["hash"])) == len(str(event["previous_hash"])) == 64


def test_acts_on_people_are_told(admin: Person) -> None:
    path = f"/v1/users/{admin.post('/v1/users', json=NEW).get_json()['id']}"
    admin.patch(path, json={"role": "manager"})
    admin.patch(path, json={"disabled": True})
    admin.patch(path, json={"disabled": False})
    admin.patch(path, json={"password": "another long secret"})
    admin.delete(path)
    assert _told(admin, actor="admin", target="user:ada")[::-1] == [
        (f"user.{act}", "admin", "user:ada", "done")
        for act in ("created", "changed", "changed", "changed", "password_changed", "deleted")
    ]
    changes = [event["details"] for event in _events(admin, event="user.changed")]
    assert changes == [{"disabled": False}, {"disabled": True}, {"role": "manager", "role_before": "scientist"}]


def test_an_act_that_is_refused_is_not_told_as_done(admin: Person) -> None:
    admin.post("/v1/users", json=NEW)
    assert admin.post("/v1/users", json=NEW).status_code == 409
    me = f"/v1/users/{admin.get('/v1/me').get_json()['id']}"
    assert admin.delete(me).status_code == 409
    assert len(_told(admin, event="user.created", actor="admin")) == 1
    assert _told(admin, event="user.deleted") == []


def test_sign_ins_and_their_ends_are_told(http: FlaskClient, admin: Person, expert: Person) -> None:
    session = _events(admin, event="person.signed_in", actor="expert")[0]["target"]
    http.post("/login", json={"username": "expert", "password": "wrong password here"})
    refresh = {"Authorization": f"Bearer {expert.tokens['refresh_token']}"}
    http.post("/refresh", headers=refresh)
    http.post("/refresh", headers=refresh)
    again = Person(http, "expert", PASSWORD)
    change = {"current": PASSWORD, "new": "another long passphrase"}
    assert again.post("/logout").status_code == 204
    assert Person(http, "expert", PASSWORD).put("/v1/me/password", json=change).status_code == 204
    assert _told(admin, target="user:expert", before="999")[0] == (
        "user.password_changed", "expert", "user:expert", "done",
    )  # fmt: skip
    assert ("person.sign_in_failed", "", "user:expert", "failed") in _told(admin)
    assert ("session.reused", "expert", session, "refused") in _told(admin)
    assert [told[0] for told in _told(admin, event="session.ended")] == ["session.ended"]


def test_refused_requests_are_told_once_each_whoever_sent_them(
    http: FlaskClient, admin: Person, expert: Person
) -> None:
    for _ in range(5):
        assert expert.get("/v1/users").status_code == 403
        assert http.get("/v1/me", headers={"Authorization": "Bearer nonsense"}).status_code == 401
        assert http.get("/v1/me").status_code == 401  # without a credential there is nobody to tell of
    journal.settle(ended=True)
    refused = _events(admin, event="request.refused")[::-1]
    assert [(e["actor"], e["target"], e["details"]) for e in refused] == [
        ("expert", "GET /v1/users", {"code": "not-allowed", "status": 403}),
        ("", "GET /v1/me", {"code": "invalid-token", "status": 401}),
        ("expert", "GET /v1/users", {"code": "not-allowed", "repeated": 4, "status": 403}),
        ("", "GET /v1/me", {"code": "invalid-token", "repeated": 4, "status": 401}),
    ]


def test_a_flood_of_different_refusals_stays_small(http: FlaskClient, admin: Person) -> None:
    before = admin.get("/v1/audit/verify").get_json()["events"]
    for number in range(150):
        environ = {"REMOTE_ADDR": f"192.0.2.{number}"}
        http.get("/v1/me", headers={"Authorization": "Bearer nonsense"}, environ_overrides=environ)
    journal.settle(ended=True)
    assert admin.get("/v1/audit/verify").get_json()["events"] == before + 101


def test_a_throttled_sign_in_is_told_as_a_refusal(http: FlaskClient, admin: Person, expert: Person) -> None:
    for _ in range(11):
        answer = http.post("/login", json={"username": "expert", "password": "wrong password here"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    (refused,) = _events(admin, event="request.refused")
    assert (refused["target"], refused["details"]) == ("POST /login", {"code": "too-many-requests", "status": 429})


def test_promotion_and_removal_of_data_are_told(
    scientist: Person, manager: Person, registered: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.registry.catalog.set_alias", lambda *_: None)
    registered("iris", "multiclass")
    assert scientist.put("/v1/models/iris/aliases/champion", json={"version": "1"}).status_code == 200
    upload = {"file": (io.BytesIO(b"a,b\n1,2\n2,3\n3,4\n"), "t.csv"), "name": "things"}
    made = scientist.post("/v1/datasets", data=upload, content_type="multipart/form-data").get_json()
    scientist.delete(f"/v1/datasets/{made['id']}")
    promoted, deleted = _events(manager, actor="scientist")[:2][::-1]
    assert (promoted["event"], promoted["target"]) == ("model.promoted", "model:iris")
    assert promoted["details"] == {"alias": "champion", "version": "1"}
    assert (deleted["event"], deleted["target"]) == ("dataset.deleted", f"dataset:{made['id']}")
    assert deleted["details"] == {"name": "things"}


def test_no_secret_is_in_the_journal(http: FlaskClient, admin: Person, expert: Person) -> None:
    http.post("/login", json={"username": "expert", "password": "hunter2hunter2hunter2"})
    http.post("/login", json={"username": "My-Secret 1234 word", "password": "x"})
    admin.post("/v1/users", json=NEW)
    http.get("/v1/me", headers={"Authorization": f"Bearer {expert.tokens['access_token']}x"})
    everything = admin.get("/v1/audit?limit=1000").text + admin.get("/v1/audit?format=csv").text
    secrets = (
        PASSWORD,
        "hunter2",
        "my-secret",
        "My-Secret",
        expert.tokens["access_token"],
        expert.tokens["refresh_token"],
    )
    assert not [secret for secret in secrets if secret in everything]


def test_pages_follow_one_another(admin: Person) -> None:
    for number in range(5):
        admin.post("/v1/users", json=NEW | {"username": f"ada{number}"})
    first = _events(admin, event="user.created", limit="2")
    rest = _events(admin, event="user.created", before=str(first[-1]["position"]))
    assert [event["target"] for event in first + rest][:5] == [f"user:ada{number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("event=nonsense", "event"),
        ("limit=0", "limit"),
        ("since=yesterday", "since"),
        ("since=2026-01-01", "since"),
        ("x=1", "x"),
    ],
)
def test_a_bad_question_is_refused_by_name(admin: Person, query: str, named: str) -> None:
    answer = admin.get(f"/v1/audit?{query}")
    assert (answer.status_code, named in answer.get_json()["detail"]) == (422, True)


def test_a_time_can_be_asked_for(admin: Person) -> None:
    assert _events(admin, until="2020-01-01T00:00:00Z") == []
    assert _events(admin, since="2020-01-01T00:00:00Z", until="2999-01-01T00:00:00Z") != []


def test_the_export_is_whole_and_harmless(http: FlaskClient, admin: Person) -> None:
    http.get("/v1/me", headers={"Authorization": "Bearer nonsense", "X-Request-Id": "-2.3"})
    answer = admin.get("/v1/audit?format=csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["position"]) for row in rows] == list(range(len(rows), 0, -1))
    assert rows[0]["request_id"] == "'-2.3"
    assert len(list(csv.DictReader(io.StringIO(admin.get("/v1/audit?format=csv&limit=2").text)))) == 2


def test_the_chain_is_verified_and_the_first_broken_event_named(admin: Person) -> None:
    for number in range(5):
        admin.post("/v1/users", json=NEW | {"username": f"ada{number}"})
    whole = admin.get("/v1/audit/verify").get_json()
    assert (set(whole), whole["ok"], whole["events"]) == ({"events", "ok", "head"}, True, whole["head"]["position"])
    known = {"position": whole["head"]["position"], "hash": whole["head"]["hash"]}
    assert admin.get("/v1/audit/verify", query_string=known).get_json()["ok"] is True
    assert admin.get("/v1/audit/verify", query_string=known | {"hash": "0" * 64}).get_json()["ok"] is False
    Attack().edit("actor = 'eve'", "position = 3")
    broken = admin.get("/v1/audit/verify").get_json()
    assert (broken["ok"], broken["first_broken"], broken["events"]) == (False, 3, whole["events"])


def test_a_fault_of_the_journal_undoes_the_act(app: Flask, admin: Person) -> None:
    Attack().delete("id = 1", "audit_head")
    assert admin.post("/v1/users", json=NEW).status_code == 500
    assert [user["username"] for user in admin.get("/v1/users").get_json()["items"]] == ["admin"]
