"""Learning algorithms that are installed: listed, and tried against the contract."""

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.algorithms.catalog import Listing, get_algorithm, list_algorithms
from backend.algorithms.conformance import CheckResult, check
from backend.cli.failure import Failure

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def algorithm() -> None:
    """Learning algorithms that are installed."""


@algorithm.command("list")
@_as_json
def show(*, as_json: bool) -> None:
    """Every algorithm, what it can learn and which package it comes from."""
    listings = list_algorithms()
    if as_json:
        click.echo(json.dumps([_public(listing) for listing in listings]))
        return
    table = Table("name", "title", "tasks", "package")
    for one in listings:
        table.add_row(one.name, one.error or one.title, ", ".join(one.tasks), one.package)
    Console(markup=False, highlight=False).print(table)


@algorithm.command("check")
@click.argument("name")
@_as_json
def try_out(name: str, *, as_json: bool) -> None:
    """Try the algorithm NAME against the contract; takes seconds. Exit code 1 where it breaks a rule."""
    found = get_algorithm(name)
    with Console(stderr=True).status(f"Trying {name} ..."):
        results = check(found)
    failed = sum(not result.passed for result in results)
    if as_json:
        click.echo(json.dumps([asdict(result) for result in results]))
    else:
        Console(markup=False, highlight=False).print(_table(results))
    if failed:
        raise Failure(f"{name} breaks {failed} of {len(results)} rules of the contract.")
    click.secho(f"{name} keeps all {len(results)} rules of the contract.", fg="green", err=True)


def _table(results: list[CheckResult]) -> Table:
    table = Table("rule", "kept", "reason")
    for result in results:
        table.add_row(result.name, Text("yes", "green") if result.passed else Text("no", "red"), result.reason)
    return table


def _public(listing: Listing) -> dict[str, object]:
    """Without the cause, which is for a log."""
    return {name: value for name, value in asdict(listing).items() if name != "cause"}
