"""An hour of a busy platform in a minute: every protocol, every kind of caller, swaps, revocations and bad input at once.

No request may go unanswered, none may fail by a fault of the platform, each answer is one of the two versions' own, who was revoked is
refused from the next request on, a version that was promoted gives the next answer, and memory stays where it was.
`SIGNET_TEST_SOAK_SECONDS` makes it longer.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.e2e.load import (
    JSON,
    NATIVE,
    ROWS,
    Ledger,
    Line,
    keep_asking,
    keep_asking_badly,
    questions,
    truth_of,
)
from tests.e2e.running import Platform, finished_job, running_platform, train
from tests.e2e.services import Service, person

SECONDS = int(os.environ.get("SIGNET_TEST_SOAK_SECONDS", "60"))
SWAP_EVERY, REVOKE_EVERY, LOOK_EVERY, BAD_EVERY = 2.0, 1.0, 0.5, 0.1
# How much of its memory a process may gain over the second half, in a straight line through what was seen.
MOST_GROWTH = 0.05
# In how many parts the memory's course is told.
PARTS = 24

pytestmark = [pytest.mark.platform, pytest.mark.xdist_group("soak"), pytest.mark.timeout(SECONDS + 300)]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that nobody else uses, whose model `iris` has two versions that think differently."""
    for platform in running_platform(tmp_path_factory.mktemp("busy")):
        client = platform.client()
        (dataset,) = client.get("/v1/datasets").json()["items"]
        job = train(client, dataset["id"], "species", "iris", algorithm="linear")
        assert finished_job(client, job["id"])["state"] == "succeeded"
        yield platform


class Manager:
    """The administrator, signed in anew before a token ends."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self._since = platform, -1e9

    @property
    def client(self) -> httpx.Client:
        if time.monotonic() - self._since > 300:
            self._client, self._since = self.platform.client(), time.monotonic()
        return self._client


class Soak:
    """What goes on at once, each in a thread of its own; what none of them may see is in the ledger's faults."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform, self.folder, self.ledger, self.ended = platform, folder, Ledger(), threading.Event()
        self.swaps: list[float] = []
        self.revocations: list[float] = []
        self.memory: list[tuple[float, float]] = []
        self.answered = {"revoked": 0}
        processes = platform.role("serve").children(recursive=True)
        self.server = max(processes, key=lambda process: process.memory_info().rss)

    def run(self, seconds: float) -> None:
        asked = questions(truth_of(self.platform.client(), ["1", "2"]))
        manager = Manager(self.platform)
        one, two = (Service.enrol(self.platform, self.folder, manager.client, models=["iris"]) for _ in range(2))
        ask = partial(keep_asking, asked=asked, ledger=self.ledger, ended=self.ended)
        lines = [Line(self.platform, introduce) for introduce in (one.caller, two.caller, one.bound, self._person)]
        jobs: list[Callable[[], Any]] = [
            *(partial(ask, line) for line in lines),
            partial(ask, Line(self.platform, two.caller), each=5),
            partial(keep_asking_badly, Line(self.platform, one.caller), self.ledger, self.ended, pause=BAD_EVERY),
            partial(self._swap, Line(self.platform, two.caller)),
            self._revoke,
            self._look,
        ]
        threads = [threading.Thread(target=self._guarded, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        self.ended.wait(seconds)
        self.ended.set()
        for thread in threads:
            thread.join(timeout=60)

    def _person(self) -> Any:
        return person(self.platform)

    def _guarded(self, job: Callable[[], Any]) -> None:
        try:
            job()
        except Exception as error:  # a thread that ends early would hide what it stopped looking at
            self.ledger.blame(f"{getattr(job, '__name__', job)} ended: {error!r}")
            self.ended.set()

    def _swap(self, line: Line) -> None:
        """The other version by the same alias, which gives the next answer."""
        manager, number = Manager(self.platform), 0
        while not self.ended.wait(SWAP_EVERY):
            version, number = str(2 - number % 2), number + 1
            began = time.monotonic()
            answer = manager.client.put("/v1/models/iris/aliases/champion", json={"version": version})
            self.ledger.note(answer.status_code)
            if answer.status_code != 200:
                self.ledger.blame(f"swap: {answer.status_code} {answer.text[:300]}")
                continue
            told = time.monotonic()
            if (served := self._served(line)) != version:
                self.ledger.blame(f"swap: version {served} answered after {version} had taken its place")
            self.swaps.append(time.monotonic() - told)
            assert told - began < 30
        line.hang_up()

    def _served(self, line: Line) -> str:
        response, body = line.ask(NATIVE, {"Content-Type": JSON}, json.dumps({"features": ROWS[0]}).encode())
        self.ledger.note(response.status)
        served: str = json.loads(body)["version"]
        return served

    def _revoke(self) -> None:
        """A new service asks, is revoked, and is refused on the connection that it has open, by token and on a new one."""
        manager, body = Manager(self.platform), json.dumps({"features": ROWS[0]}).encode()
        while not self.ended.wait(REVOKE_EVERY):
            service = Service.enrol(self.platform, self.folder, manager.client, models=["iris"])
            bound = service.bound()
            line, by_token = Line(self.platform, service.caller), Line(self.platform, lambda known=bound: known)
            if {each.ask(NATIVE, {"Content-Type": JSON}, body)[0].status for each in (line, by_token)} != {200}:
                self.ledger.blame("a new service was refused")
            service.revoke(manager.client)
            told = time.monotonic()
            if {each.ask(NATIVE, {"Content-Type": JSON}, body)[0].status for each in (line, by_token)} != {401}:
                self.ledger.blame("a revoked service was answered on a connection that it had open")
            self.revocations.append(time.monotonic() - told)
            for each in (line, by_token):
                each.hang_up()
                self._still_refused(each, body)
            service.delete(manager.client)

    def _still_refused(self, line: Line, body: bytes) -> None:
        status = line.ask(NATIVE, {"Content-Type": JSON}, body)[0].status
        self.ledger.note(status)
        if status != 401:
            self.ledger.blame(f"a revoked service was answered {status}")
        line.hang_up()

    def _look(self) -> None:
        began = time.monotonic()
        while not self.ended.wait(LOOK_EVERY):
            self.memory.append((time.monotonic() - began, self.server.memory_info().rss / 2**20))

    def report(self) -> dict[str, Any]:
        """The figures of the run."""
        size = [megabytes for _, megabytes in self.memory]
        requests = sum(self.ledger.statuses.values())
        course = least(self.memory, PARTS)
        return {
            "requests": requests,
            "statuses": dict(sorted(self.ledger.statuses.items())),
            "swaps": len(self.swaps),
            "swap_seconds": {"most": max(self.swaps, default=0.0)},
            "revocations": len(self.revocations),
            "revocation_seconds": {"most": max(self.revocations, default=0.0)},
            "memory_mb": {"start": size[0], "middle": size[len(size) // 2], "end": size[-1], "most": max(size)},
            "memory_mb_by_second": {f"{seconds:.0f}": round(megabytes, 1) for seconds, megabytes in course},
            "memory_mb_per_100000_requests": round((course[-1][1] - course[0][1]) / requests * 100_000, 2),
            "growth_of_second_half": growth(self.memory),
            "p50_ms": 1000 * self.ledger.percentile(0.5),
            "p99_ms": 1000 * self.ledger.percentile(0.99),
            "faults": self.ledger.faults[:20],
        }


def growth(memory: list[tuple[float, float]]) -> float:
    """How much the memory grew over the second half, as a share: along the straight line nearest to the least of each few looks.

    The least, because a request of many megabytes may be under way at any look.
    """
    half = memory[len(memory) // 2 :]
    seconds, megabytes = np.array(least(half, PARTS // 2)).T
    slope, start = np.polyfit(seconds, megabytes, 1)
    first, last = half[0][0], half[-1][0]
    return float(slope * (last - first) / (start + slope * first))


def least(memory: list[tuple[float, float]], parts: int) -> list[tuple[float, float]]:
    """The least of each part of the looks, and when it was."""
    looks = np.array(memory)
    found = [part[part[:, 1].argmin()] for part in np.array_split(looks, min(parts, len(looks)))]
    return [(float(seconds), float(megabytes)) for seconds, megabytes in found]


def test_a_busy_platform_answers_everybody(busy: Platform, tmp_path: Path) -> None:
    soak = Soak(busy, tmp_path)
    soak.run(SECONDS)
    report = soak.report()
    print(json.dumps(report, indent=1))
    assert report["faults"] == []
    assert not [status for status in report["statuses"] if status >= 500]
    assert report["statuses"][200] > SECONDS
    assert min(report["swaps"], report["revocations"]) >= SECONDS // 20
    assert report["growth_of_second_half"] < MOST_GROWTH, report
