"""The commands that run a part of the platform, or all of them; each imports its part only when it is called."""

import importlib
import os
import sys
from collections.abc import Callable
from typing import TypeVar

import click

from backend.cli.context import Context, pass_context
from backend.supervision.tether import die_with

F = TypeVar("F", bound=Callable[..., object])


def _tie(_context: click.Context, _parameter: click.Parameter, parent: int | None) -> None:
    if parent is not None:
        die_with(parent)


def _tied(function: F) -> F:
    """An option by which the supervisor ties the process to its own life; by hand, nobody gives it."""
    option = click.option(
        "--die-with", "parent", type=int, hidden=True, expose_value=False, is_eager=True, callback=_tie
    )
    return option(function)


@click.command()
@pass_context
def up(context: Context) -> None:
    """Run the API, the training worker, MLflow and the web app until Ctrl-C.

    The first start also makes keys, database and an administrator, and trains the sample model `iris`.
    """
    sys.exit(importlib.import_module("backend.supervision.launch").launch(context.settings))


@click.command()
@_tied
@pass_context
def init(context: Context) -> None:
    """Make what a first start needs and is not there yet: folders, keys, database, administrator, sample model."""
    importlib.import_module("backend.supervision.first_start").prepare(context.settings)


@click.command()
@_tied
@pass_context
def serve(context: Context) -> None:
    """Run the API alone, until SIGTERM."""
    start_app = importlib.import_module("backend.app").start_app
    importlib.import_module("backend.server.application").serve(context.settings, start_app)


@click.command()
@_tied
@pass_context
def worker(context: Context) -> None:
    """Run the training worker alone, until SIGTERM."""
    importlib.import_module("backend.worker").run(context.settings)


@click.command()
@_tied
@pass_context
def mlflow(context: Context) -> None:
    """Run MLflow alone, on loopback, until SIGTERM."""
    server = importlib.import_module("backend.registry.mlflow_server")
    server.run(context.settings, "backend.supervision.mlflow_process:create")


@click.command()
@_tied
@pass_context
def ui(context: Context) -> None:
    """Run the web app alone, until SIGTERM."""
    context.settings  # a wrong setting is told in our words  # noqa: B018
    # The web app shares nothing with the backend but HTTP, so it is a program of its own.
    environment = importlib.import_module("backend.settings").without_keys()
    os.execve(sys.executable, [sys.executable, "-m", "frontend.launch"], environment)  # noqa: S606


@click.command(hidden=True)
@_tied
@click.option("--started-at", type=float, required=True)
@pass_context
def ready(context: Context, started_at: float) -> None:
    """Wait until every part answers, and say where to begin."""
    sys.exit(importlib.import_module("backend.supervision.ready").announce(context.settings, started_at))
