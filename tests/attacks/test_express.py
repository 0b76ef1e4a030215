"""The cases of predictions once more, on the way beside Flask: by callers who were answered there a moment ago."""

import base64
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import Client, TestResponse

from backend.api.gate import Gate
from backend.app import with_express
from backend.audit.tables import AuditEvent
from backend.database import db
from backend.identity.subscriber_tables import Certificate
from backend.listener.wsgi import CLIENT_CERTIFICATE, PROXIED
from backend.settings import Settings
from tests.api.conftest import Registered, Subscribed
from tests.attacks.test_http import JSON_TRAPS, trapped
from tests.conftest import Person
from tests.server.conftest import eventually
from tests.trained import EXAMPLE

GOOD = json.dumps({"features": EXAMPLE})
PATH = "/v1/models/bugs/predict"


class Served:
    """The API as a server has it. What is called here with a good credential was, a moment later, answered without Flask."""

    def __init__(self, app: Flask) -> None:
        self.app, self.asked = app, 0
        express = with_express(app)
        express.app = self._counted
        self._client = Client(express, TestResponse)

    def _counted(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        self.asked += 1
        return self.app(environ, start_response)

    def ask(
        self,
        body: str = GOOD,
        *,
        der: bytes | None = None,
        token: str = "",
        kind: str = "application/json",
        **more: Any,
    ) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self._client.open(
            PATH, method="POST", data=body, content_type=kind, base_url="https://localhost",
            headers=headers | more.get("headers", {}),
            environ_overrides={CLIENT_CERTIFICATE: der, PROXIED: more.get("proxied", False)},
        )  # fmt: skip

    def let_in(self, **shown: Any) -> None:
        assert self.ask(**shown).status_code == 200
        asked = self.asked
        assert (self.ask(**shown).status_code, self.asked) == (200, asked)


@pytest.fixture
def served(app: Flask, registered: Registered) -> Served:
    registered("bugs", "multiclass")
    # On a busy machine a quarter of a second passes between two lines of a test; and a long memory hides nothing.
    gate: Gate = app.extensions["signet.gate"]
    gate.people._seconds = gate.subscribers._seconds = 3600
    return Served(app)


@pytest.fixture
def billing(subscribed: Callable[..., Subscribed]) -> Subscribed:
    return subscribed("billing", models=["bugs", "iris"])


def test_a_token_that_was_altered(served: Served, billing: Subscribed) -> None:
    """3. What is remembered of a token is remembered of all its bytes."""
    token = billing.token()
    served.let_in(der=billing.der, token=token)
    head, _, signature = token.rpartition(".")
    for forged in (f"{head}.{'A' * len(signature)}", f"{head}.", token[:-4] + "AAAA"):
        assert served.ask(der=billing.der, token=forged).status_code == 401


def test_a_token_of_another(served: Served, billing: Subscribed, subscribed: Callable[..., Subscribed]) -> None:
    """13, 14. Both the token and the thief's own certificate are good and remembered: the binding is asked all the same."""
    shipping, token = subscribed("shipping", models=["*"]), billing.token()
    served.let_in(der=billing.der, token=token)
    served.let_in(der=shipping.der)
    assert served.ask(der=shipping.der, token=token).status_code == 401
    assert served.ask(token=token).status_code == 401
    assert served.ask().status_code == 401


CHANGES = {
    "suspended": ("patch", "/v1/subscribers/{id}", {"state": "suspended"}, 403),
    "narrowed": ("patch", "/v1/subscribers/{id}", {"models": ["iris"]}, 403),
    "revoked": ("post", "/v1/certificates/{serial}/revoke", {"reason": "keyCompromise"}, 401),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("shows", ["certificate", "token"])
def test_taken_away_a_moment_ago(served: Served, billing: Subscribed, manager: Person, change: str, shows: str) -> None:
    """15, 16, 17. What this process remembers of a caller ends with the manager's word."""
    token = billing.token() if shows == "token" else ""
    served.let_in(der=billing.der, token=token)
    method, path, body, status = CHANGES[change]
    path = path.format(id=billing.id, serial=billing.issued.serial_number)
    assert getattr(manager, method)(path, json=body).status_code == 200
    assert served.ask(der=billing.der, token=token).status_code == status


def test_a_token_for_another_model(served: Served, billing: Subscribed) -> None:
    """16. A token leaves less than its owner may do, here too."""
    narrow = billing.token(scope="predict:iris")
    served.let_in(der=billing.der)
    for _ in range(4):
        assert served.ask(der=billing.der, token=narrow).status_code == 403


REFUSED = {
    "a stranger guesses": ("post", "/login", {"username": "ada", "password": "guess, guess, guess"}),
    "a stranger states a certificate": ("get", "/v1/models", None),
    "a person goes too far": ("get", "/v1/users", None),
    "a subscriber goes too far": ("get", "/v1/audit", None),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_what_is_refused_slows_nobody(
    served: Served, http: FlaskClient, billing: Subscribed, expert: Person, refused: str
) -> None:
    """17, 43. Were whoever is known forgotten at each refusal that is noted, one caller in a loop would slow everybody."""
    token = expert.tokens["access_token"]
    shown: list[dict[str, Any]] = [
        {"der": billing.der},
        {"der": billing.der, "token": billing.token()},
        {"token": token},
    ]
    for each in shown:
        served.let_in(**each)
    asked, (method, path, body) = served.asked, REFUSED[refused]
    headers = {"a stranger states a certificate": {"Client-Cert": "x"}, "a person goes too far": _bearer(token)}
    presented = billing.der if refused == "a subscriber goes too far" else None
    for place in range(5):
        circumstances = {
            "REMOTE_ADDR": f"192.0.2.{place}",
            CLIENT_CERTIFICATE: presented,
        }  # another place, another event
        answer = http.open(
            path, method=method, json=body, headers=headers.get(refused), environ_overrides=circumstances
        )
        assert answer.status_code in {400, 401, 403}
        assert [served.ask(**each).status_code for each in shown] == [200] * 3
    assert served.asked == asked
    assert db.session.query(AuditEvent).filter_by(address="192.0.2.4").count() == 1


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_certificate_that_ends(served: Served, billing: Subscribed) -> None:
    """19. It is remembered no longer than it lives, however long the memory is."""
    ends_at = datetime.now(UTC) + timedelta(seconds=3)
    db.session.execute(update(Certificate).values(not_after=ends_at))
    db.session.commit()
    served.let_in(der=billing.der)
    eventually(lambda: served.ask(der=billing.der).status_code == 401, seconds=30)
    assert ends_at <= datetime.now(UTC)


def test_a_person_who_signed_out(served: Served, expert: Person) -> None:
    """53. The token of an ended session is refused, however good its signature and whatever is remembered."""
    token = expert.tokens["access_token"]
    served.let_in(token=token)
    assert expert.post("/logout").status_code == 204
    assert served.ask(token=token).status_code == 401


@pytest.mark.parametrize(
    "name", ["Client-Cert", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert"]
)
def test_claimed_certificate(served: Served, billing: Subscribed, name: str) -> None:
    """30. A claim beside a good credential is a claim."""
    served.let_in(der=billing.der)
    stated = {name: f":{base64.b64encode(billing.der).decode()}:"}
    assert served.ask(der=billing.der, headers=stated).status_code == 400
    assert served.ask(headers=stated).status_code == 400


def test_claimed_certificate_twice(served: Served, billing: Subscribed) -> None:
    """31. Behind a proxy, exactly one."""
    own = f":{base64.b64encode(billing.der).decode()}:"
    served.let_in(headers={"Client-Cert": own}, proxied=True)
    for value in (f"{own},{own}", f":AAAA:, {own}", f"{own}, :AAAA:", own[:-1]):
        assert served.ask(headers={"Client-Cert": value}, proxied=True).status_code == 400
    assert served.ask(der=billing.der, proxied=True).status_code == 401


def test_too_large(served: Served, billing: Subscribed, settings: Settings) -> None:
    """34. The limit is that of Flask."""
    served.let_in(der=billing.der)
    body = GOOD + " " * (settings.max_body_mb * 1024 * 1024)
    assert served.ask(body, der=billing.der).status_code == 413


@pytest.mark.parametrize("trap", sorted(set(JSON_TRAPS) - {"36 NaN"}))  # in a row, a bare NaN means a missing value
def test_hostile_row(served: Served, billing: Subscribed, trap: str) -> None:
    """35, 36, 38, 39. Values that parsers take and programs break on."""
    value, _ = JSON_TRAPS[trap]
    served.let_in(der=billing.der)
    for name in trapped(trap):
        row = json.dumps({**EXAMPLE, name: "HERE"}).replace('"HERE"', str(value))
        assert served.ask(f'{{"features": {row}}}', der=billing.der).status_code in {400, 422}


@pytest.mark.parametrize(
    "body",
    [
        f'{{"features": {{}}, {GOOD[1:]}',
        GOOD.replace('"size"', '"size": 1, "size"'),
        GOOD.replace('"size"', '"size": 1, "\\u0073ize"'),
    ],
)
def test_a_key_twice(served: Served, billing: Subscribed, body: str) -> None:
    """37. One of two values would be dropped."""
    served.let_in(der=billing.der)
    assert served.ask(body, der=billing.der).status_code == 400


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/json5"]
)
def test_another_content_type(served: Served, billing: Subscribed, kind: str) -> None:
    """40. What a browser's form can send across sites."""
    served.let_in(der=billing.der)
    assert served.ask(der=billing.der, kind=kind).status_code == 415


def test_too_many_rows(served: Served, billing: Subscribed, settings: Settings) -> None:
    """41. Counted before they become a matrix."""
    served.let_in(der=billing.der)
    rows = json.dumps({"features": [[]] * (settings.max_rows + 1)})
    answer = served.ask(rows, der=billing.der)
    assert (answer.status_code, str(settings.max_rows) in answer.get_json()["detail"]) == (413, True)


def test_a_race_for_the_last_units(served: Served, subscribed: Callable[..., Subscribed]) -> None:
    """42. Many calls at once, of which some are paid from what the process holds: as many pass as there are units."""
    rated = subscribed("rated", models=["bugs"], daily_quota=200)
    statuses, start = [], threading.Barrier(20)

    def call() -> None:
        start.wait()
        statuses.extend(served.ask(der=rated.der).status_code for _ in range(12))

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(429)) == (200, 40)
    assert served.asked < 240
