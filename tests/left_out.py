"""Tests that need a program which this machine lacks are left out and named at the end; in CI they fail instead."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """The path of an installed Chromium."""
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


def find_postgresql() -> Path | None:
    """The folder of a PostgreSQL server's programs."""
    if path := shutil.which("postgres"):
        return Path(path).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return folders[-1] if folders else None


def find_nginx() -> str | None:
    """The path of an installed nginx; Debian has it where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


NEEDS = {
    "browser": ("a Chromium", find_chromium),
    "postgres": ("the programs of a PostgreSQL server", find_postgresql),
    "nginx": ("an nginx", find_nginx),
}


def leave_out(why: str) -> NoReturn:
    """The test under way is left out and named at the end; in CI it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    pytest.skip(f"left out: {why}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("CI") == "true":
        return
    for marker, (what, find) in NEEDS.items():
        if find() is None:
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(
                        pytest.mark.skip(
                            reason=f"left out: this machine has no {what.removeprefix('a ').removeprefix('an ')}"
                        )
                    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (what, find) in NEEDS.items():
        if item.get_closest_marker(marker) and find() is None and os.environ.get("CI") == "true":
            pytest.fail(f"CI must have {what}", pytrace=False)
