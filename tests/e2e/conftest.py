"""One running platform, shared by the tests of a worker."""

from collections.abc import Iterator

import pytest

from tests.e2e.browsing import chromium, new_page, witness
from tests.e2e.environments import python_with
from tests.e2e.running import Platform, running_platform

__all__ = ["chromium", "new_page", "python_with", "witness"]


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The whole platform with its sample model, in a fresh home."""
    yield from running_platform(tmp_path_factory.mktemp("home"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # One platform fills this machine: its tests go to one worker.
    for item in items:
        if "platform" in getattr(item, "fixturenames", ()) and "/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("platform"))
            item.add_marker(pytest.mark.platform)
