"""Subscribers over real TLS: known by their certificate on every request, also on connections that stay open."""

import base64
import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Update, update

from backend.database import db, now
from backend.identity.principal import Role
from backend.identity.revocation import revoke_certificate
from backend.identity.subscriber_tables import Certificate
from backend.identity.users import create_user
from tests.conftest import PASSWORD
from tests.server.api import LET_IN, Api, Home, Service, ask, bound_token, home_in, predict
from tests.server.conftest import eventually

TRIALS, AT_ONCE = 100, 10


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_in(tmp_path_factory.mktemp("home")) as home:
        yield home


@pytest.fixture(scope="module")
def api(home: Home) -> Iterator[Api]:
    running = Api(home.settings)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def manager(api: Api) -> Iterator[Callable[..., int]]:
    """Calls of a manager, each with its status."""
    create_user("mia", PASSWORD, Role.MANAGER, actor="test")
    db.session.commit()
    kind = {"Content-Type": "application/json"}
    with contextlib.closing(api.connection()) as connection:
        body = json.dumps({"username": "mia", "password": PASSWORD})
        status, tokens = ask(connection, "POST", "/login", body=body, headers=kind)
        assert status == 200
        headers = kind | {"Authorization": f"Bearer {tokens['access_token']}"}
        yield lambda method, path, body="{}": ask(connection, method, path, body=body, headers=headers)[0]


def _first_refusal(api: Api, service: Service, take_back: Callable[[], object]) -> float:
    """Seconds from the revocation to the first refusal, for a client that asks on one open connection without a pause."""
    with contextlib.closing(api.connection(service.context)) as connection:
        assert predict(connection) == LET_IN
        socket = connection.sock
        take_back()
        begun = time.monotonic()
        while (status := predict(connection)) == LET_IN:
            assert time.monotonic() - begun < 10, "it was never refused"
        assert (status, connection.sock) == (401, socket)  # the same connection all along
        return time.monotonic() - begun


def _trials(api: Api, services: list[Service], take_back: Callable[[Service], object]) -> list[float]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sorted(pool.map(lambda one: _first_refusal(api, one, lambda: take_back(one)), services))


def test_a_revocation_by_another_process_holds_within_a_second(api: Api, home: Home) -> None:
    """Case 17, by the command line or by another machine."""
    lock = threading.Lock()

    def revoke(service: Service) -> None:
        with lock, home.app.app_context():
            revoke_certificate(home.settings, service.serial_number, "keyCompromise", actor="mia")
            db.session.commit()

    durations = _trials(api, [home.admit() for _ in range(TRIALS)], revoke)
    assert len(durations) == TRIALS
    assert durations[-1] < 1, durations[-5:]


def test_a_revocation_by_the_api_itself_holds_from_the_next_request_on(
    api: Api, home: Home, manager: Callable[..., int]
) -> None:
    """Case 17."""
    for service in [home.admit() for _ in range(20)]:
        with contextlib.closing(api.connection(service.context)) as connection:
            assert predict(connection) == LET_IN
            assert manager("POST", f"/v1/certificates/{service.serial_number}/revoke") == 200
            assert predict(connection) == 401


def test_a_resumed_session_is_refused_too(api: Api, home: Home, manager: Callable[..., int]) -> None:
    """Case 18."""
    service = home.admit()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        service.context.maximum_version = version
        with contextlib.closing(api.connection(service.context)) as connection:
            first = predict(connection)
            session = connection.sock.session  # type: ignore[union-attr]
        assert first == (LET_IN if version is ssl.TLSVersion.TLSv1_2 else 401)
        if first == LET_IN:
            assert manager("POST", f"/v1/certificates/{service.serial_number}/revoke") == 200
        again = api.connection(service.context)
        with contextlib.closing(again):
            again.connect()
            with contextlib.suppress(ValueError):
                again.sock.session = session  # type: ignore[union-attr]
            assert predict(again) == 401
            assert not again.sock.session_reused  # type: ignore[union-attr]


def test_a_certificate_that_ends_on_an_open_connection_is_refused(api: Api, home: Home) -> None:
    """Case 19."""
    service = home.admit()
    with contextlib.closing(api.connection(service.context)) as connection:
        assert predict(connection) == LET_IN
        ends_at = now() + timedelta(seconds=0.5)
        db.session.execute(_row_of(service).values(not_after=ends_at))
        db.session.commit()
        eventually(lambda: now() > ends_at + timedelta(seconds=0.25))
        assert predict(connection) == 401


def test_suspension_holds_on_an_open_connection(api: Api, home: Home, manager: Callable[..., int]) -> None:
    """Case 15."""
    service = home.admit()
    with contextlib.closing(api.connection(service.context)) as connection:
        bound = {"Authorization": f"Bearer {bound_token(connection, service)}"}
        assert predict(connection, bound) == LET_IN
        for state, status in (("suspended", 403), ("active", LET_IN)):
            assert manager("PATCH", f"/v1/subscribers/{service.subscriber_id}", f'{{"state": "{state}"}}') == 200
            assert [predict(connection, bound), predict(connection)] == [status, status]


def _row_of(service: Service) -> Update:
    return update(Certificate).where(Certificate.serial_number == service.serial_number)


def test_a_bound_token_is_good_with_its_certificate_alone(api: Api, home: Home) -> None:
    """Cases 13 and 14."""
    service = home.admit()
    others = (home.admit().context, home.another(service).context, None)
    with contextlib.closing(api.connection(service.context)) as connection:
        bound = {"Authorization": f"Bearer {bound_token(connection, service)}"}
        assert predict(connection, bound) == LET_IN
    for context in others:
        with contextlib.closing(api.connection(context)) as connection:
            assert predict(connection, bound) == 401


NOTED = {
    "Client-Cert": "Client-Cert",
    "Client_Cert": "Client-Cert",
    "X-SSL-Client-Cert": "X-SSL-Client-Cert",
    "X_SSL_Client_Cert": "X-SSL-Client-Cert",
    "x-forwarded-client-cert": "X-Forwarded-Client-Cert",
}


@pytest.mark.parametrize("name", NOTED)
def test_a_stated_certificate_is_refused_and_noted(api: Api, home: Home, name: str) -> None:
    """Case 30."""
    der = ssl.PEM_cert_to_DER_cert(home.admit().certificate)
    stated = {name: f":{base64.b64encode(der).decode()}:"}
    assert api.get("/v1/models", stated)[0] == 400
    # Equal refusals of one minute are one event.
    event = home.events(f"header:{NOTED[name]}")[0]
    assert (event.outcome, event.address) == ("refused", "127.0.0.1")


def test_a_certificate_that_only_the_chain_knows_is_refused(api: Api, home: Home) -> None:
    """Case 24."""
    service = home.admit()
    db.session.execute(_row_of(service).values(fingerprint="0" * 64))
    db.session.commit()
    with contextlib.closing(api.connection(service.context)) as connection:
        assert predict(connection) == 401
