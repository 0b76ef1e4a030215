"""Tests of the containers themselves run where they are asked for: `make containers`, with an engine."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from tests.containers.running import BIKES, PASSWORD, ROOT, Containers, ended


def _engine_answers() -> bool:
    """An engine and its compose; the Makefile hands on how compose is called."""
    try:
        asked = [*shlex.split(os.environ.get("COMPOSE", "docker compose")), "version"]
        return all(
            subprocess.run(words, cwd=ROOT / "compose", capture_output=True, timeout=120, check=False).returncode == 0
            for words in (asked, ["docker", "version"])
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.get_closest_marker("containers")]
    why = "run by `make containers`, as images take minutes" if config.option.markexpr != "containers" else ""
    if ours and not why and not _engine_answers():
        why = "no container engine answers"
    for item in ours if why else ():
        item.add_marker(pytest.mark.skip(reason=f"left out: {why}"))


@pytest.fixture(scope="session")
def containers() -> Iterator[Containers]:
    """The platform in containers, brought up from nothing once for all tests."""
    running = Containers()
    try:
        running.said = running.make("up")
        yield running
    finally:
        running.try_compose("down", "--volumes", "--timeout", "5")


@pytest.fixture(scope="session")
def password(containers: Containers) -> str:
    """The administrator's, as `make up` tells it."""
    told = re.search(r"as admin with the password (\S+)", containers.said)
    assert told is not None, containers.said
    return told[1]


@pytest.fixture(scope="session")
def people(containers: Containers, password: str) -> dict[str, str]:
    """A person of each role, called as the role is."""
    with containers.person("admin", password) as admin:
        for role in ("manager", "scientist", "expert"):
            made = admin.post("/v1/users", json={"username": role, "password": PASSWORD, "role": role})
            assert made.status_code == 201, made.text
    return {"admin": password} | dict.fromkeys(("manager", "scientist", "expert"), PASSWORD)


@pytest.fixture(scope="session")
def bikes(containers: Containers, people: dict[str, str]) -> str:
    """An expert uploads a table and trains a model on it: its name."""
    with containers.person("expert", PASSWORD) as expert, BIKES.open("rb") as file:
        uploaded = expert.post("/v1/datasets", files={"file": file}, data={"name": "bikes"})
        assert uploaded.status_code == 201, uploaded.text
        wish = {"dataset_id": uploaded.json()["id"], "target": "rentals", "model": "bikes"}
        assert ended(expert, expert.post("/v1/jobs", json=wish).json()["id"])["state"] == "succeeded"
    return "bikes"
