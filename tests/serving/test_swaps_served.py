"""Versions change under load on the real server: nobody is refused, every process follows, and memory returns to where it was."""

import contextlib
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Self

import psutil
import pytest
from flask import Flask

from backend.database import db
from backend.identity.authority import ensure_authority
from backend.identity.principal import Role
from backend.identity.users import create_user
from backend.registry.mlflow_rest import MlflowRest
from backend.settings import Settings
from tests.conftest import PASSWORD
from tests.server.api import Api, ask
from tests.server.conftest import eventually
from tests.serving.conftest import Register
from tests.trained import EXAMPLE

pytestmark = pytest.mark.mlflow

SWAPS, CALLERS = 50, 3
JSON = {"Content-Type": "application/json"}
BODY = json.dumps({"features": EXAMPLE})


@pytest.fixture
def start(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Api]]:
    """Starts processes of the API over this home, with the real MLflow."""
    monkeypatch.setenv("SIGNET_MLFLOW_URL", settings.mlflow_url)
    ensure_authority(settings)
    create_user("sam", PASSWORD, Role.SCIENTIST, actor="test")
    db.session.commit()
    running: list[Api] = []

    def one() -> Api:
        running.append(Api(settings))
        return running[-1]

    yield one
    for api in running:
        api.stop()


class Caller:
    """Somebody who is signed in, on one connection that stays open."""

    def __init__(self, api: Api, model: str) -> None:
        self._connection: http.client.HTTPConnection = api.connection()
        self._model = model
        status, tokens = self.ask("POST", "/login", json.dumps({"username": "sam", "password": PASSWORD}), JSON)
        assert status == 200
        self._headers = JSON | {"Authorization": f"Bearer {tokens['access_token']}"}

    def ask(
        self, method: str, path: str, body: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str]]:
        return ask(self._connection, method, path, body=body, headers=headers or self._headers)

    def predict(self) -> tuple[int, str]:
        """The status, and which version answered what."""
        status, answer = self.ask("POST", f"/v1/models/{self._model}/predict", BODY)
        return status, f"{answer.get('version')} {answer.get('prediction')} {answer.get('probabilities')}"

    def promote(self, number: int) -> None:
        status, _ = self.ask("PUT", f"/v1/models/{self._model}/aliases/champion", json.dumps({"version": str(number)}))
        assert status == 200

    def close(self) -> None:
        self._connection.close()


def resident(api: Api) -> float:
    """Megabytes of the process that answers."""
    (worker,) = psutil.Process(api.process.pid).children()
    return worker.memory_info().rss / 1e6


class Load:
    """Callers who predict without a pause; `seen` counts each status and answer."""

    def __init__(self, api: Api, model: str) -> None:
        self.seen: Counter[tuple[int, str]] = Counter()
        self.failures: list[BaseException] = []
        self._stop = threading.Event()
        self._callers = [Caller(api, model) for _ in range(CALLERS)]
        self._threads = [threading.Thread(target=self._call, args=(caller,)) for caller in self._callers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for caller in self._callers:
            caller.close()

    def _call(self, caller: Caller) -> None:
        try:
            while not self._stop.is_set():
                self.seen[caller.predict()] += 1
        except BaseException as error:
            self.failures.append(error)


def test_fifty_swaps_under_load_drop_nothing_and_leave_no_memory_behind(
    start: Callable[[], Api], registered: Register, model_name: str
) -> None:
    for _ in range(3):
        registered(rows=2000, rounds=60)
    api = start()
    with contextlib.closing(Caller(api, model_name)) as scientist, Load(api, model_name) as load:
        for number in range(9):  # what is needed once is loaded
            scientist.promote(number % 3 + 1)
        before = resident(api)
        for number in range(SWAPS):
            scientist.promote(number % 3 + 1)
            status, answer = scientist.predict()
            assert status == 200
            assert answer.startswith(f"{number % 3 + 1} "), "the next prediction is by the new version"
    eventually(lambda: resident(api) < before + 12, seconds=10)
    assert load.failures == []
    assert {status for status, _ in load.seen} == {200}
    assert len(load.seen) == 3, "three versions, and each always said the same"


def test_every_process_follows_within_a_second(
    start: Callable[[], Api], registered: Register, model_name: str, settings: Settings
) -> None:
    registered(), registered()
    first, second = start(), start()
    here, there = Caller(first, model_name), Caller(second, model_name)
    eventually(lambda: here.predict()[0] == there.predict()[0] == 200)
    took = []
    for number in (2, 1, 2):
        here.promote(number)
        begun = time.monotonic()
        eventually(lambda: there.predict()[1].startswith(f"{number} "))  # noqa: B023
        took.append(time.monotonic() - begun)
    assert min(took) < 1, f"on a busy machine one of three tries is quick: {took}"
    rest = MlflowRest(settings)
    rest.set_alias(model_name, "champion", 1)  # as MLflow's own page does, past the API
    for caller in (here, there):
        eventually(lambda: caller.predict()[1].startswith("1 "))  # noqa: B023
        caller.close()
    rest.close()
