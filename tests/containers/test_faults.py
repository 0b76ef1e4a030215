"""Containers that die under load: nothing that was acknowledged is lost, and all is well again by itself.

A container dies as by a power cut to it alone: every process in it gets SIGKILL, and the engine starts it anew. `SIGNET_TEST_OUTAGE_SECONDS` says how
long the database is away.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.containers.running import BIKES, PASSWORD, PROJECT, Containers, ended, predicts
from tests.containers.traffic import Traffic
from tests.e2e.running import wait_for

OUTAGE = float(os.environ.get("SIGNET_TEST_OUTAGE_SECONDS", "30"))
# Longer than a flush, for machines that are busy; docs/records.md promises what was answered before the last one.
FLUSH_SECONDS = 5.0
SLOW = {"learning_rate": 0.001, "n_estimators": 3000, "early_stopping_rounds": 3000}

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900), pytest.mark.xdist_group("containers")]

IDS = """
import json
from backend.records.places import segments_folder
from backend.records.record import decode
from backend.settings import Settings
print(json.dumps([record.id for path in segments_folder(Settings()).iterdir() for record in decode(path.read_bytes())]))
"""


@pytest.fixture(scope="module")
def two_of_each(containers: Containers, bikes: str) -> Iterator[Containers]:
    """Two APIs and two workers for a while."""
    containers.scale |= {"SIGNET_APIS": "2", "SIGNET_WORKERS": "2"}
    containers.compose("up", "--detach", "--wait", "--no-recreate", "api", "worker")
    yield containers
    containers.scale.clear()
    containers.compose("up", "--detach", "--wait", "--no-recreate", "api", "worker")


@pytest.fixture
def expert(two_of_each: Containers) -> Iterator[httpx.Client]:
    with two_of_each.person("expert", PASSWORD) as client:
        yield client


def crash(service: str, number: int = 1) -> float:
    """When the container died; it runs anew when this returns."""
    container = f"{PROJECT}-{service}-{number}"

    def starts() -> int:
        asked = ["docker", "inspect", "--format", "{{.RestartCount}}", container]
        return int(subprocess.run(asked, capture_output=True, check=True).stdout)

    before = starts()
    subprocess.run(
        ["docker", "exec", container, "sh", "-c", "kill -9 -1"], capture_output=True, check=False, timeout=60
    )
    died = time.monotonic()
    wait_for(lambda: starts() > before, seconds=60, what=f"the engine starts {service} anew")
    return died


def queue(expert: httpx.Client, models: list[str]) -> dict[str, str]:
    """Jobs that were acknowledged, by the model that each is to make."""
    with BIKES.open("rb") as file:
        dataset = expert.post("/v1/datasets", files={"file": file}, data={"name": "faults"}).json()["id"]
    wishes = {
        model: {"dataset_id": dataset, "target": "rentals", "model": model, "hyperparameters": SLOW} for model in models
    }
    made = {model: expert.post("/v1/jobs", json=wish) for model, wish in wishes.items()}
    assert {answer.status_code for answer in made.values()} <= {201, 202}
    return {model: answer.json()["id"] for model, answer in made.items()}


def fitting(expert: httpx.Client, jobs: dict[str, str]) -> int:
    """How many of the jobs are being fitted now."""
    found: list[dict[str, Any]] = [expert.get(f"/v1/jobs/{job}").json() for job in jobs.values()]
    return sum(job["state"] == "running" and job["step"] == "fitting" for job in found)


def assert_each_is_registered_once(expert: httpx.Client, jobs: dict[str, str]) -> None:
    for model, job in jobs.items():
        told = ended(expert, job, seconds=300)
        assert (told["state"], told["model_version"]) == ("succeeded", "1"), told
        assert len(expert.get(f"/v1/models/{model}").json()["versions"]) == 1


def assert_nothing_is_lost(expert: httpx.Client, traffic: Traffic, died: list[float]) -> None:
    """What was acknowledged is there; records of the last flush before an API died excepted, as docs/records.md says."""
    assert traffic.strange == []
    assert traffic.predictions
    assert traffic.datasets
    for dataset, sha256 in traffic.datasets.items():
        assert expert.get(f"/v1/datasets/{dataset}").json()["sha256"] == sha256
        assert expert.get(f"/v1/datasets/{dataset}/preview").is_success, dataset

    def missing() -> dict[str, float]:
        kept = set(json.loads(traffic.containers.inside("api", "python", "-c", IDS)))
        return {each: at for each, at in traffic.predictions.items() if each not in kept}

    def excused(at: float) -> object:
        return any(moment - FLUSH_SECONDS < at <= moment + 1 for moment in died)

    wait_for(lambda: all(map(excused, missing().values())), seconds=30, what="the records are written")
    lost = missing()
    earliest = max((moment - at for moment in died for at in lost.values()), default=0.0)
    print(
        f"\nacknowledged: {len(traffic.predictions)} predictions, {len(traffic.datasets)} uploads;"
        f" not recorded: {len(lost)}, of the last {earliest:.2f} s before the API died; refused: {dict(traffic.refused)}"
    )


def test_an_api_and_a_worker_of_two_die_under_load(two_of_each: Containers, expert: httpx.Client, bikes: str) -> None:
    jobs = queue(expert, ["pair-1", "pair-2", "pair-3"])
    with Traffic(two_of_each, bikes) as traffic:
        wait_for(lambda: fitting(expert, jobs) == 2, seconds=120, what="each worker has a job")
        traffic.goes_on()
        died = [crash("api", 1)]
        traffic.goes_on()
        crash("worker", 1)
        traffic.goes_on()
        assert_each_is_registered_once(expert, jobs)
    assert_nothing_is_lost(expert, traffic, died)


def test_the_database_dies_under_load_and_comes_back(two_of_each: Containers, expert: httpx.Client, bikes: str) -> None:
    jobs = queue(expert, ["database-dies"])
    with Traffic(two_of_each, bikes) as traffic:
        wait_for(lambda: fitting(expert, jobs) == 1, seconds=120, what="a worker has the job")
        traffic.goes_on()
        crash("db")
        wait_for(lambda: expert.get("/health/ready").status_code == 200, seconds=60, what="ready again")
        traffic.goes_on()
        assert_each_is_registered_once(expert, jobs)
    assert_nothing_is_lost(expert, traffic, [])


def test_the_database_is_away_for_long(two_of_each: Containers, expert: httpx.Client, bikes: str) -> None:
    jobs = queue(expert, ["database-away"])
    with Traffic(two_of_each, bikes) as traffic:
        wait_for(lambda: fitting(expert, jobs) == 1, seconds=120, what="a worker has the job")
        traffic.goes_on()
        two_of_each.compose("kill", "--signal", "KILL", "db")
        gone = time.monotonic()
        wait_for(lambda: expert.get("/health/ready").status_code == 503, seconds=30, what="the platform says so")
        wait_for(lambda: predicts(expert, bikes) == 503, seconds=30, what="nobody is let in by what was true before")
        acknowledged = len(traffic.predictions)
        while time.monotonic() < gone + OUTAGE:
            refused = expert.post(f"/v1/models/{bikes}/predict", json={"features": {}})
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1"), refused.text
            assert expert.get("/health/live").status_code == 200
        assert len(traffic.predictions) <= acknowledged + 4  # those under way
        two_of_each.compose("start", "db")
        back = time.monotonic()
        wait_for(lambda: expert.get("/health/ready").status_code == 200, seconds=60, what="ready again")
        traffic.goes_on()
        print(f"\nwell again {time.monotonic() - back:.1f} s after the database was started")
        assert_each_is_registered_once(expert, jobs)
    assert_nothing_is_lost(expert, traffic, [])


def test_mlflow_dies_while_a_model_is_being_made(two_of_each: Containers, expert: httpx.Client, bikes: str) -> None:
    jobs = queue(expert, ["mlflow-dies"])
    with Traffic(two_of_each, bikes) as traffic:
        wait_for(lambda: fitting(expert, jobs) == 1, seconds=120, what="a worker has the job")
        crash("mlflow")
        traffic.goes_on()
        assert_each_is_registered_once(expert, jobs)
    assert_nothing_is_lost(expert, traffic, [])


def test_the_journal_is_whole_after_all_of_it(two_of_each: Containers, people: dict[str, str]) -> None:
    with two_of_each.person("admin", people["admin"]) as admin:
        assert admin.get("/v1/audit/verify").json()["ok"] is True
