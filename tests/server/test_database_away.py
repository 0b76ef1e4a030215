"""PostgreSQL stands still, or is killed, under traffic: whoever asks is told so, nothing acknowledged is lost, and all is well again by itself.

What is promised while the database is away: who was verified within the last quarter of a second is answered, everybody else is told to
try again (503, `Retry-After`); nobody is let in by what was true before. `SIGNET_TEST_OUTAGE_SECONDS` says how long it is away.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.audit.verify import verify_chain
from backend.database import db
from backend.identity.principal import Role
from backend.identity.subscriber_tables import Subscriber
from backend.identity.users import create_user
from tests.api.conftest import Registered
from tests.conftest import PASSWORD
from tests.monitoring.exposed import value
from tests.postgresql import Postgresql
from tests.server.api import Api, Home, home_in
from tests.server.conftest import eventually
from tests.trained import EXAMPLE

OUTAGE = float(os.environ.get("SIGNET_TEST_OUTAGE_SECONDS", "4"))
PATIENCE = 2.0
# A statement's time, the driver's second more, then the question whether another connection is there, and a new one that fails.
LONGEST = PATIENCE + 1 + 3 + 5 + 5
# What a process remembers, and what the machine may take to answer what came before.
REMEMBERED = 0.25 + 1.5

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("database"), pytest.mark.timeout(240 + 2 * OUTAGE)]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgresql]:
    """A PostgreSQL that may be stopped and killed, and keeps what it acknowledged."""
    running = Postgresql(("fsync=off", "max_connections=60"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def home(server: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    with home_in(folder, database_url=server.make_database(), database_seconds=PATIENCE) as home:
        Registered(home.app, home.settings, home.settings.home / "results")("iris", "multiclass")
        create_user("mia", PASSWORD, Role.MANAGER)
        db.session.commit()
        yield home


@pytest.fixture(scope="module")
def api(home: Home) -> Iterator[Api]:
    running = Api(home.settings)
    eventually(lambda: running.get("/health/ready")[0] == 200, seconds=60)
    yield running
    running.stop()


@dataclass(frozen=True)
class Answered:
    """When it was asked and answered, in seconds of one clock, and how."""

    asked_at: float
    answered_at: float
    status: int
    is_told_when: bool
    kind: str


@dataclass
class Caller:
    """Somebody who asks the same thing again and again; what was acknowledged with 201 is kept by name."""

    api: Api
    client: httpx.Client
    ask: Callable[[httpx.Client, str], httpx.Response]
    answers: list[Answered] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)

    def run(self, ended: threading.Event) -> None:
        while not ended.wait(0.02):
            name, asked_at = f"service-{uuid4().hex}", time.monotonic()
            answer = self.ask(self.client, name)
            if answer.status_code == 201:
                self.acknowledged.append(name)
            kind, is_told = answer.headers["Content-Type"], answer.headers.get("Retry-After") == "1"
            self.answers.append(Answered(asked_at, time.monotonic(), answer.status_code, is_told, kind))
        self.client.close()


def _predict(client: httpx.Client, _name: str) -> httpx.Response:
    return client.post("/v1/models/iris/predict", json={"features": EXAMPLE})


def _admit(client: httpx.Client, name: str) -> httpx.Response:
    return client.post("/v1/subscribers", json={"name": name, "models": ["iris"]})


def _client(api: Api, context: Any = None, **more: Any) -> httpx.Client:
    url = f"https://localhost:{api.port}"
    return httpx.Client(base_url=url, verify=context or api.trust(), timeout=60, **more)


def _manager(api: Api) -> httpx.Client:
    client = _client(api)
    answer = client.post("/login", json={"username": "mia", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


class Outage:
    """The database is away for a while; `began` and `ended` are when."""

    def __init__(self, server: Postgresql, number: signal.Signals) -> None:
        self._server, self._number = server, number

    def __enter__(self) -> "Outage":
        self._server.send(self._number)
        self.began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = time.monotonic()
        if self._number == signal.SIGSTOP:
            self._server.send(signal.SIGCONT)
        else:
            self._server.start()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=lambda number: number.name)
def test_who_asks_is_told_nothing_is_lost_and_all_is_well_again(
    api: Api, home: Home, server: Postgresql, number: signal.Signals
) -> None:
    services = [Caller(api, _client(api, home.admit().context), _predict) for _ in range(3)]
    db.session.rollback()  # the test itself holds no connection meanwhile
    people = [Caller(api, _manager(api), _admit) for _ in range(3)]
    errors_before = _metric(api, "signet_database_errors_total")
    ended = threading.Event()
    threads = [threading.Thread(target=caller.run, args=(ended,)) for caller in (*services, *people)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: all(len(caller.answers) > 5 for caller in (*services, *people)), seconds=60)
        with Outage(server, number) as outage:
            _is_told_in_the_meantime(api)
            time.sleep(max(0.0, outage.began + OUTAGE - time.monotonic()))
        well_at = time.monotonic()
        eventually(lambda: all(_is_well(caller, well_at) for caller in (*services, *people)), seconds=30)
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    answers = [answer for caller in (*services, *people) for answer in caller.answers]
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} == {200, 201, 503}
    assert refused
    assert {(answer.is_told_when, answer.kind) for answer in refused} == {(True, "application/problem+json")}
    assert max(answer.answered_at - answer.asked_at for answer in answers) < LONGEST
    late = [
        a
        for a in answers
        if a.status != 503 and outage.began + REMEMBERED < a.asked_at and a.answered_at < outage.ended
    ]
    assert late == [], "somebody was let in whom nobody could verify"
    _nothing_is_lost(home, [name for caller in people for name in caller.acknowledged])
    assert _metric(api, "signet_database_errors_total") > errors_before
    assert _metric(api, "signet_requests_in_flight") == 1, "a thread is stuck"


def _is_told_in_the_meantime(api: Api) -> None:
    """Readiness and the metrics say it, liveness does not hang on it."""
    eventually(lambda: api.get("/health/ready")[0] == 503, seconds=30)
    assert api.get("/health/live")[0] == 200
    assert _metric(api, "signet_database_up") == 0


def _is_well(caller: Caller, since: float) -> bool:
    last = caller.answers[-1]
    return last.asked_at > since and last.status in {200, 201}


def _nothing_is_lost(home: Home, acknowledged: list[str]) -> None:
    """Who was admitted is there, once in the table and once in the journal, and the journal is whole."""
    db.session.rollback()
    known = set(db.session.scalars(select(Subscriber.name)))
    assert acknowledged
    assert set(acknowledged) <= known
    ids = set(db.session.scalars(select(Subscriber.id).where(Subscriber.name.in_(acknowledged))))
    told = [
        target.removeprefix("subscriber:")
        for target in db.session.scalars(select(AuditEvent.target).where(AuditEvent.event == "subscriber.created"))
    ]
    assert len(told) == len(set(told))
    assert ids <= set(told)
    assert verify_chain().ok


def _metric(api: Api, name: str) -> float:
    with _client(api) as client:
        return value(client.get("/metrics").text, name) or 0.0
