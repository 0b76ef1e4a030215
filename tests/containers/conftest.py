"""Tests of the containers themselves run where they are asked for: `make containers`, with an engine."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

COMPOSE = Path(__file__).resolve().parents[2] / "compose"


def _engine_answers() -> bool:
    """An engine and its compose; the Makefile hands on how compose is called."""
    try:
        asked = [*shlex.split(os.environ.get("COMPOSE", "docker compose")), "version"]
        return all(
            subprocess.run(words, cwd=COMPOSE, capture_output=True, timeout=120, check=False).returncode == 0
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
