"""A person at the terminal of one home."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from backend.__main__ import program
from backend.cli.context import Context
from backend.settings import Settings
from backend.storage import create_storage


class Terminal:
    """Runs command lines on a home; each has an exit code, standard output and standard error."""

    def __init__(self, load_settings: Callable[[], Settings]) -> None:
        self.load_settings = load_settings

    def __call__(self, *words: str, typed: str = "") -> Result:
        context = Context(self.load_settings, create_storage)
        result = CliRunner().invoke(program, words, obj=context, input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *words: str) -> object:
        result = self(*words, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture
def unprepared(settings: Settings) -> Terminal:
    """A home that was never set up."""
    return Terminal(lambda: settings)


@pytest.fixture
def terminal(app: Flask, settings: Settings) -> Terminal:
    """A home with a database."""
    return Terminal(lambda: settings)
