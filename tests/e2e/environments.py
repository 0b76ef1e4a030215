"""Python environments that tests make for the packages of other projects."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

PythonWith = Callable[..., Path]


@pytest.fixture(scope="session")
def python_with(tmp_path_factory: pytest.TempPathFactory) -> PythonWith:
    """The Python of a new environment with that package (and options of `uv pip install`); the same one when asked again."""

    @cache
    def make(requirement: str, *options: str) -> Path:
        python = tmp_path_factory.mktemp("environment") / "bin" / "python"
        uv = [sys.executable, "-m", "uv", "--quiet"]
        install = [*uv, "pip", "install", "--python", str(python), *options, requirement]
        try:
            subprocess.run([*uv, "venv", "--python", sys.executable, str(python.parents[1])], check=True, timeout=60)
            subprocess.run(install, check=True, timeout=240)
        except (subprocess.SubprocessError, OSError) as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"left out: {requirement} cannot be installed here ({error})")
        return python

    return make
