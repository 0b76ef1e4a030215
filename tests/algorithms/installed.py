"""A package as pip would leave it: modules and metadata in a folder on the path."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


def install(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    name: str,
    modules: Mapping[str, str],
    entry_points: Mapping[str, str],
) -> None:
    """Make `import` and entry-point discovery find the package for the rest of the test."""
    folder.mkdir(parents=True, exist_ok=True)
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source, "utf-8")
        monkeypatch.delitem(sys.modules, module, raising=False)
    metadata = folder / f"{name.replace('-', '_')}-1.0.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n", "utf-8")
    lines = [f"{point} = {target}" for point, target in entry_points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[signet.algorithms]", *lines, ""]), "utf-8")
    monkeypatch.syspath_prepend(str(folder))
