"""What docs/your-algorithm.md tells people to do is done here, word for word."""

import re
import tomllib
from pathlib import Path

import pytest

from backend.algorithms.catalog import GROUP, get_algorithm, list_algorithms
from tests.algorithms.installed import install

DOCUMENT = (Path(__file__).parents[2] / "docs" / "your-algorithm.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)


def test_the_documented_package_is_found_and_keeps_the_contract(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module, own_test = blocks("python")
    [project] = [tomllib.loads(text) for text in blocks("toml")]
    [name] = project["tool"]["setuptools"]["py-modules"]
    points = project["project"]["entry-points"][GROUP]
    install(monkeypatch, tmp_path, project["project"]["name"], {name: module}, points)

    [listed] = [one for one in list_algorithms() if one.name == "gower"]
    assert (listed.error, listed.package) == (None, "signet-gower 1.0.0")
    assert get_algorithm("gower").title == listed.title

    written: dict[str, object] = {}
    exec(own_test, written)  # noqa: S102 - the document's own words
    written["test_it_keeps_the_contract"]()  # type: ignore[operator]
