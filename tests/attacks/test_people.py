"""Cases 43 to 54: passwords that are guessed, rights that are given oneself, sessions that are kept, texts that run elsewhere."""

import csv
import io
import re
import statistics
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from backend.app import create_storage
from backend.audit.tables import AuditEvent
from backend.database import db
from backend.errors import Invalid
from backend.identity.authority import ensure_authority
from backend.identity.principal import Role
from backend.identity.users import INITIAL_PASSWORD, create_user, ensure_administrator
from backend.migrations.upgrade import upgrade
from backend.settings import REPOSITORY, Settings
from tests.conftest import PASSWORD, Person

WRONG = "not the password at all"


def sign_in(http: FlaskClient, username: str, password: str, *, address: str) -> TestResponse:
    credentials = {"username": username, "password": password}
    return http.post("/login", json=credentials, environ_overrides={"REMOTE_ADDR": address})


def statuses_until_refused(http: FlaskClient, usernames: list[str], *, address: str) -> list[int]:
    found: list[int] = []
    for username in usernames:
        answer = sign_in(http, username, WRONG, address=address)
        found.append(answer.status_code)
        if answer.status_code == 429:
            assert int(answer.headers["Retry-After"]) >= 1
            break
    return found


def test_many_guesses_on_one_person(http: FlaskClient, expert: Person) -> None:
    """43. Guesses on one account are slowed after a few, and the right password from there has to wait as well."""
    statuses = statuses_until_refused(http, ["expert"] * 40, address="203.0.113.7")
    assert (statuses[-1], len(statuses) <= 20) == (429, True)
    assert sign_in(http, "expert", PASSWORD, address="203.0.113.7").status_code == 429


def test_one_guess_on_many_people(http: FlaskClient, app: Flask) -> None:
    """43. One password tried on every account from one address: that address is slowed, whoever it names."""
    statuses = statuses_until_refused(http, [f"person{number}" for number in range(120)], address="203.0.113.7")
    assert (statuses[-1], len(statuses) <= 100) == (429, True)


def test_many_addresses_of_one_network(http: FlaskClient, expert: Person) -> None:
    """43. One machine has 2^64 addresses of IPv6: they are one place."""
    statuses = [
        sign_in(http, "expert", WRONG, address=f"2001:db8:1:2::{number:x}").status_code for number in range(1, 30)
    ]
    assert 429 in statuses


def test_nobody_locks_another_out(http: FlaskClient, expert: Person) -> None:
    """43. Whoever guesses on an account cannot keep its owner out, who comes from where they came before."""
    assert sign_in(http, "expert", PASSWORD, address="198.51.100.4").status_code == 200
    for network in range(12):
        statuses_until_refused(http, ["expert"] * 12, address=f"203.0.113.{network}")
    assert sign_in(http, "expert", WRONG, address="203.0.113.200").status_code == 429
    assert sign_in(http, "expert", PASSWORD, address="198.51.100.4").status_code == 200


def test_unknown_and_known_names_alike(http: FlaskClient, expert: Person) -> None:
    """44. Neither the words nor the time of an answer say which names exist."""
    texts, times = {}, {}
    for username in ("expert", "nobody-of-that-name"):
        took = []
        for number in range(5):
            began = time.perf_counter()
            answer = sign_in(http, username, WRONG, address=f"192.0.2.{number}")
            took.append(time.perf_counter() - began)
        document = answer.get_json()
        texts[username] = {name: document[name] for name in document if name != "request_id"}
        times[username] = statistics.median(took)
    assert texts["expert"] == texts["nobody-of-that-name"]
    assert 0.4 < times["expert"] / times["nobody-of-that-name"] < 2.5


def test_by_a_browsers_cookie(http: FlaskClient, expert: Person) -> None:
    """45. What a browser sends by itself must not act for the person: no answer sets a cookie, and none is read."""
    answer = http.post("/login", json={"username": "expert", "password": PASSWORD})
    assert "Set-Cookie" not in answer.headers
    for name in ("access_token_cookie", "session", "Authorization", "access_token"):
        http.set_cookie(name, expert.tokens["access_token"])
    assert http.get("/v1/me").status_code == 401
    assert http.post("/logout").status_code == 401
    assert http.get(f"/v1/me?access_token={expert.tokens['access_token']}").status_code == 401


EXTRAS: list[dict[str, object]] = [
    {"role": "admin"},
    {"permissions": ["manage_users"]},
    {"id": "1"},
    {"is_admin": True},
]


@pytest.mark.parametrize("extra", EXTRAS)
def test_rights_that_one_gives_oneself(expert: Person, http: FlaskClient, extra: dict[str, object]) -> None:
    """46. A field too many in one's own account: refused by name, and the role stays what it was."""
    change = {"current": PASSWORD, "new": "another long passphrase"}
    (name,) = extra
    answer = expert.put("/v1/me/password", json=change | extra)
    assert (answer.status_code, name in answer.text) == (422, True)
    assert http.post("/login", json={"username": "expert", "password": PASSWORD} | extra).status_code == 422
    assert expert.patch(f"/v1/users/{expert.get('/v1/me').get_json()['id']}", json=extra).status_code == 403
    assert expert.get("/v1/me").get_json()["role"] == "expert"


def test_rights_of_others_objects(request: pytest.FixtureRequest, settings: Settings, manager: Person) -> None:
    """47. Ids are no secrets: what is not one's own is refused for every role that has no business with it."""
    ensure_authority(settings)
    made = manager.post("/v1/subscribers", json={"name": "billing", "models": ["iris"]}).get_json()["id"]
    serial = manager.post(f"/v1/subscribers/{made}/certificates", json={"generate": True}).get_json()
    doors = [
        ("get", f"/v1/subscribers/{made}"), ("delete", f"/v1/subscribers/{made}"), ("get", serial["download"]),
        ("post", f"/v1/subscribers/{made}/enrolment"), ("get", f"/v1/certificates/{serial['serial_number']}"),
        ("get", "/v1/audit"), ("get", "/v1/users"),
    ]  # fmt: skip
    for role in ("expert", "scientist"):
        person: Person = request.getfixturevalue(role)
        assert {getattr(person, method)(path).status_code for method, path in doors} == {403}
        revoked = person.post(f"/v1/certificates/{serial['serial_number']}/revoke", json={})
        assert revoked.status_code == 403


def test_the_last_administrator(admin: Person) -> None:
    """48. Nobody can leave the platform without an administrator, in whichever way."""
    path = f"/v1/users/{admin.get('/v1/me').get_json()['id']}"
    assert admin.delete(path).status_code == 409
    for change in ({"role": "manager"}, {"disabled": True}):
        assert admin.patch(path, json=change).status_code == 409


DEFAULTS = ["admin", "password", "password1234", "changeme", "", "signet", "administrator"]


def _first_password(settings: Settings) -> str | None:
    """What a platform of its own begins with."""
    upgrade(settings)
    settings.certs.mkdir()
    with create_storage(settings).app_context():
        password = ensure_administrator(settings)
        db.session.rollback()
        db.engine.dispose()
    return password


def test_default_passwords(app: Flask, http: FlaskClient, settings: Settings) -> None:
    """49. The first password is made at the first start, another each time; those that everybody tries cannot be chosen."""
    password = ensure_administrator(settings)
    db.session.commit()
    assert password is not None
    assert len(password) >= 20
    assert _first_password(settings.model_copy(update={"home": settings.home / "elsewhere"})) not in {None, password}
    file = settings.certs / INITIAL_PASSWORD
    assert (file.read_text().strip(), file.stat().st_mode & 0o777) == (password, 0o600)
    for number, default in enumerate(DEFAULTS):
        assert sign_in(http, "admin", default, address=f"192.0.2.{number}").status_code in {401, 422}
    for common in ("password1234", "administrator", "123456789012", "qwertyuiop123", "first-admin-1", "s7Gq!vX2pL9"):
        with pytest.raises(Invalid):
            create_user("first-admin", common, Role.ADMIN)
        db.session.rollback()


PATHS = (
    "/.well-known/oauth-authorization-server",
    "/openapi.json",
    "/docs",
    "/nowhere",
    "//elsewhere.example",
    "/docs/",
    "/docs//style.css",
    "/v1//subscribers",
)


def test_addresses_are_ours_whatever_the_host_header_says(
    http: FlaskClient, manager: Person, settings: Settings
) -> None:
    """50. A link that follows the caller's `Host` leads whoever clicks it, or a cache, to the attacker."""
    ensure_authority(settings)
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    made = manager.post("/v1/subscribers", json={"name": "billing", "models": ["iris"]}).get_json()["id"]
    answers = [http.get(path, headers=evil) for path in PATHS]
    answers.append(manager.post(f"/v1/subscribers/{made}/certificates", json={"generate": True}, headers=evil))
    answers.append(manager.get("/v1/subscribers/", headers=evil))
    for answer in answers:
        assert "evil.example" not in answer.text
        assert "Location" not in answer.headers
    assert answers[0].get_json()["token_endpoint"] == f"{settings.issuer}/oauth/token"


def test_texts_that_run_in_a_browser(manager: Person) -> None:
    """51. A name with markup is refused; a text with markup is handed on as JSON that no browser reads as a page."""
    script = "<script>alert(1)</script>"
    assert manager.post("/v1/subscribers", json={"name": script, "models": ["iris"]}).status_code == 422
    made = manager.post("/v1/subscribers", json={"name": "billing", "models": ["iris"], "description": script})
    for answer in (made, manager.get("/v1/subscribers"), manager.get(f"/v1/nowhere/{script}")):
        assert answer.content_type.partition(";")[0] in {"application/json", "application/problem+json"}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_nothing_of_the_web_app_turns_text_into_markup() -> None:
    """51. Streamlit and our own scripts show text as text, unless they are told otherwise: nowhere are they."""
    sources = [path for path in (REPOSITORY / "frontend").rglob("*.*") if path.suffix in {".py", ".js", ".html"}]
    assert len(sources) > 40
    # A style sheet of our own, named in the source, holds nobody's text.
    doors = re.compile(
        r"unsafe_allow_html|\bst\.html\((?!_HERE / \"look\.css\"\))|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\("
    )
    assert not [(path.name, found[0]) for path in sources if (found := doors.search(path.read_text("utf-8")))]


def test_texts_that_run_in_a_table_program(http: FlaskClient, manager: Person) -> None:
    """52. The journal's export: a cell that begins like a formula would be run where the file is opened."""
    headers = {"X-Request-Id": "-2-3", "Authorization": "Bearer x.y.z"}
    assert http.get("/v1/me", headers=headers).status_code == 401
    with db.engine.connect() as connection:
        assert "-2-3" in connection.scalars(select(AuditEvent.request_id)).all()
    rows = list(csv.reader(io.StringIO(manager.get("/v1/audit?format=csv").text)))
    cells = [cell for row in rows for cell in row]
    assert "'-2-3" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_session_that_outlives_its_end(http: FlaskClient, expert: Person) -> None:
    """53. After signing out neither token is good; a session cannot be chosen by the caller beforehand."""
    assert expert.post("/logout").status_code == 204
    refresh = {"Authorization": f"Bearer {expert.tokens['refresh_token']}"}
    assert (expert.get("/v1/me").status_code, http.post("/refresh", headers=refresh).status_code) == (401, 401)
    first, second = (Person(http, "expert", PASSWORD).tokens["access_token"] for _ in range(2))
    assert first != second
    chosen = http.post("/login", json={"username": "expert", "password": PASSWORD, "session_id": "mine"})
    assert chosen.status_code == 422


def test_a_refresh_token_that_was_stolen(http: FlaskClient, expert: Person) -> None:
    """54. Whoever of thief and owner comes second is noticed, and both have to sign in again."""
    stolen = {"Authorization": f"Bearer {expert.tokens['refresh_token']}"}
    theirs = http.post("/refresh", headers=stolen).get_json()
    assert http.post("/refresh", headers=stolen).status_code == 401
    for token, path, method in (
        (theirs["access_token"], "/v1/me", "get"),
        (theirs["refresh_token"], "/refresh", "post"),
        (expert.tokens["access_token"], "/v1/me", "get"),
    ):
        answer = getattr(http, method)(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    with db.engine.connect() as connection:
        assert "session.reused" in connection.scalars(select(AuditEvent.event)).all()
