"""People and programs at work without end, who remember what they were told: it must still be true afterwards."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from tests.containers.running import BIKES, DAY, PASSWORD, Containers

PREDICTERS = 4


@dataclass
class Traffic:
    """What was acknowledged, by what was given for it, and how often something was refused."""

    containers: Containers
    model: str
    predictions: dict[str, float] = field(default_factory=dict)  # id to when
    datasets: dict[str, str] = field(default_factory=dict)  # id to SHA-256
    refused: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)

    def __enter__(self) -> "Traffic":
        self._ending = threading.Event()
        work = [self._predict] * PREDICTERS + [self._upload]
        self._threads = [threading.Thread(target=self._until_the_end, args=(each,)) for each in work]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _until_the_end(self, work: Callable[[httpx.Client], None]) -> None:
        with self.containers.person("expert", PASSWORD) as client:
            while not self._ending.is_set():
                try:
                    work(client)
                except httpx.TransportError as error:
                    # nginx is never killed here, so it has to answer in its own words.
                    self.strange.append(repr(error))

    def _predict(self, client: httpx.Client) -> None:
        answer = client.post(f"/v1/models/{self.model}/predict", json={"features": DAY})
        if self._was_done(answer, 200):
            self.predictions[answer.json()["prediction_id"]] = time.monotonic()

    def _upload(self, client: httpx.Client) -> None:
        table = BIKES.read_bytes() + BIKES.read_bytes().splitlines(keepends=True)[len(self.datasets) % 100 + 1]
        sent = client.post("/v1/datasets", files={"file": ("bikes.csv", table)}, data={"name": "traffic"})
        if self._was_done(sent, 201):
            self.datasets[sent.json()["id"]] = hashlib.sha256(table).hexdigest()

    def _was_done(self, answer: httpx.Response, done: int) -> bool:
        if answer.status_code == done:
            return True
        self.refused[f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"] += 1
        if answer.status_code != 503:
            self.strange.append(f"{answer.status_code}: {answer.text[:300]}")
        self._ending.wait(0.05)
        return False

    def goes_on(self) -> None:
        """Wait until each kind of work was acknowledged again."""
        before = len(self.predictions), len(self.datasets)
        deadline = time.monotonic() + 60
        while len(self.predictions) < before[0] + 20 or len(self.datasets) < before[1] + 1:
            assert time.monotonic() < deadline, f"nothing is acknowledged: {self.refused}, {self.strange[-3:]}"
            self._ending.wait(0.05)
