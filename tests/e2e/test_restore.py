"""The drill: a platform is backed up while it works, and comes back on an empty home with its predictions and certificates."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from tests.e2e.running import ROOT, Platform, make_platform
from tests.e2e.services import Service

ROWS = {"features": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]}


def _command(platform: Platform, *words: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "backend", *words],
        cwd=ROOT,
        env=platform.environment | {"SIGNET_BACKUP_PASSPHRASE": "words that somebody keeps elsewhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _predicted(service: Service) -> httpx.Response:
    with service.caller().client(service.platform) as itself:
        return itself.post("/v1/models/iris/predict", json=ROWS)


def test_predictions_and_certificates_come_back(
    platform: Platform, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    before = Service.enrol(platform, tmp_path, models=["iris"])
    answer = _predicted(before)
    assert answer.status_code == 200, answer.text
    began = time.monotonic()
    _command(platform, "backup", str(tmp_path / "archive"))
    backed_up = time.monotonic()
    later = Service.enrol(platform, tmp_path, models=["iris"])
    again = make_platform(tmp_path / "again")
    told = _command(again, "restore", str(tmp_path / "archive"), "--keep-subscribers")
    restored = time.monotonic()
    assert "issued since are refused" in told
    again.start()
    try:
        ready = time.monotonic()
        came_back = _predicted(replace(before, platform=again))
        assert came_back.status_code == 200, came_back.text
        assert came_back.json()["predictions"] == answer.json()["predictions"]
        assert _predicted(replace(later, platform=again)).status_code == 401
    finally:
        again.stop()
    seconds = f"backup {backed_up - began:.1f} s, restore {restored - backed_up:.1f} s, start {ready - restored:.1f} s"
    record_property("told", f"Restore drill: {seconds}")
