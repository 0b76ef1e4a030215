"""Metrics of the real server: counted over its processes and their deaths, closed where a proxy stands before it."""

import contextlib
import http.client
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.monitoring.exposed import problems, value
from tests.server.api import Api, Home, ask, home_in
from tests.server.conftest import eventually


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_in(tmp_path_factory.mktemp("home")) as home:
        yield home


@pytest.fixture
def running(home: Home) -> Iterator[Api]:
    running = Api(home.settings)
    yield running
    running.stop()


def _collect(api: Api, **headers: str) -> tuple[int, str]:
    with contextlib.closing(api.connection()) as connection:
        connection.request("GET", "/metrics", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def _refused(api: Api) -> int:
    with contextlib.closing(api.connection()) as connection:
        return ask(connection, "POST", "/v1/models/iris/predict", body=b"{}")[0]


def _workers(api: Api) -> list[psutil.Process]:
    return psutil.Process(api.process.pid).children()


def _counted(api: Api) -> float | None:
    return value(_collect(api)[1], "signet_prediction_requests_total", protocol="native", caller="nobody")


def test_counters_outlive_a_worker_and_end_with_the_server(running: Api, home: Home) -> None:
    (folder,) = (home.settings.data / "metrics").glob(f"{running.process.pid}-*")
    assert [_refused(running), _counted(running)] == [401, 1]
    (killed,) = _workers(running)
    assert list(folder.glob(f"gauge_*_{killed.pid}.db"))
    os.kill(killed.pid, signal.SIGKILL)
    eventually(lambda: [worker.pid for worker in _workers(running)] not in ([], [killed.pid]), seconds=30)
    eventually(lambda: _is_answering(running), seconds=30)
    assert [_refused(running), _counted(running)] == [401, 2]
    assert not list(folder.glob(f"gauge_*_{killed.pid}.db"))
    text = _collect(running)[1]
    assert problems(text) == []
    assert value(text, "signet_requests_in_flight") == 1
    assert (value(text, "process_resident_memory_bytes") or 0) > 1e7
    running.stop()
    assert not folder.exists()


def test_two_servers_of_one_home_count_each_its_own(running: Api, home: Home) -> None:
    with contextlib.ExitStack() as stack:
        second = Api(home.settings, home.settings.home / "second.sock")
        stack.callback(second.stop)
        token = (home.settings.certs / "metrics-token").read_text().strip()
        assert [_refused(running), _refused(running), _refused(second)] == [401] * 3
        assert _counted(running) == 2
        counted = _collect(second, Authorization=f"Bearer {token}")[1]
        assert value(counted, "signet_prediction_requests_total", protocol="native", caller="nobody") == 1


def _is_answering(running: Api) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return running.get("/health/live")[0] == 200
    return False


def test_what_was_counted_is_in_the_database_when_the_server_has_ended(home: Home) -> None:
    api = Api(home.settings)
    before = _stored(home)
    assert _refused(api) == 401
    api.stop()
    assert _stored(home) == before + 1


def _stored(home: Home) -> int:
    from sqlalchemy import func, select

    from backend.database import db
    from backend.monitoring.tables import traffic

    db.session.rollback()
    return db.session.scalar(select(func.coalesce(func.sum(traffic.c.requests), 0))) or 0


def test_behind_a_proxy_nobody_is_on_this_machine(home: Home) -> None:
    path: Path = home.settings.home / "metrics.sock"
    api = Api(home.settings, path)
    try:
        token = (home.settings.certs / "metrics-token").read_text().strip()
        assert _collect(api)[0] == 401
        assert _collect(api, **{"X-Forwarded-For": "127.0.0.1"})[0] == 401
        assert _collect(api, Authorization=f"Bearer {token}")[0] == 200
    finally:
        api.stop()
