"""What every command may ask for, made when it is asked for."""

import getpass
import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # importing these takes longer than `--help` may
    from flask import Flask

    from backend.settings import Settings


class Context:
    """The settings and the database of this home, for one local operator."""

    def __init__(self, load_settings: "Callable[[], Settings]", create_storage: "Callable[[Settings], Flask]") -> None:
        """`create_storage` makes the app whose context the database needs."""
        self._load_settings = load_settings
        self._create_storage = create_storage

    @cached_property
    def settings(self) -> "Settings":
        return self._load_settings()

    @cached_property
    def storage(self) -> "Flask":
        return self._create_storage(self.settings)

    @property
    def actor(self) -> str:
        """Who acts: the account of the operating system, or its number where it has no name, as in a container."""
        try:
            return f"cli:{getpass.getuser()}"
        except (KeyError, OSError):
            return f"cli:{os.getuid()}"


pass_context = click.make_pass_decorator(Context)
