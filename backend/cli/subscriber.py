"""Subscribers, kept by the local operator."""

import json

import click
from rich.console import Console
from rich.table import Table

from backend.cli.context import Context, pass_context
from backend.cli.database import transaction
from backend.identity.enrolment import create_enrolment
from backend.identity.principal import EVERY_MODEL
from backend.identity.subscriber_tables import Subscriber
from backend.identity.subscribers import (
    create_subscriber,
    delete_subscriber,
    get_subscriber_named,
    list_subscribers,
    resume_subscriber,
    suspend_subscriber,
)


@click.group()
def subscriber() -> None:
    """Services that may ask models, each by its certificate."""


@subscriber.command()
@click.argument("name")
@click.option("--model", "models", multiple=True, help="A model that it may ask; can be given again.")
@click.option("--all-models", is_flag=True, help="It may ask every model.")
@click.option("--description", default="", help="One line for people.")
@click.option("--rate", type=int, help="Predictions per minute; no limit where not given.")
@click.option("--quota", type=int, help="Predictions per day; no limit where not given.")
@click.option("--certificate-hours", type=int, help="Life of its certificates, 1 to 2160.")
@pass_context
def add(
    context: Context,
    name: str,
    models: tuple[str, ...],
    description: str,
    rate: int | None,
    quota: int | None,
    certificate_hours: int | None,
    *,
    all_models: bool,
) -> None:
    """Admit the service NAME. It has no certificate yet: see `enrol` and `certificate issue`."""
    if all_models == bool(models):
        raise click.UsageError("Say which models it may ask: --model NAME, or --all-models.")
    allowed = [EVERY_MODEL] if all_models else list(models)
    terms = {"description": description, "rate_per_minute": rate, "daily_quota": quota}
    with transaction(context):
        create_subscriber(name, actor=context.actor, models=allowed, certificate_hours=certificate_hours, **terms)
    click.echo(f"{name} may ask {', '.join(allowed) if models else 'every model'}. Next: subscriber enrol '{name}'")


@subscriber.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def show(context: Context, *, as_json: bool) -> None:
    """Every subscriber, by name."""
    with transaction(context):
        facts = [_facts(each) for each in list_subscribers()]
    if as_json:
        click.echo(json.dumps(facts))
        return
    columns = ("name", "state", "models", "rate_per_minute", "daily_quota", "id")
    table = Table(*columns)
    for each in facts:
        table.add_row(*(_shown(each[column]) for column in columns))
    Console(markup=False, highlight=False).print(table)


@subscriber.command()
@click.argument("name")
@pass_context
def suspend(context: Context, name: str) -> None:
    """Refuse NAME from its next request on, until it is resumed."""
    with transaction(context):
        suspend_subscriber(get_subscriber_named(name), actor=context.actor)
    click.echo(f"{name} is refused until it is resumed.")


@subscriber.command()
@click.argument("name")
@pass_context
def resume(context: Context, name: str) -> None:
    """Let NAME in again."""
    with transaction(context):
        resume_subscriber(get_subscriber_named(name), actor=context.actor)
    click.echo(f"{name} is let in again.")


@subscriber.command()
@click.argument("name")
@pass_context
def delete(context: Context, name: str) -> None:
    """Remove NAME for good and revoke all its certificates."""
    with transaction(context):
        delete_subscriber(context.settings, get_subscriber_named(name), actor=context.actor)
    click.echo(f"{name} is removed, its certificates are revoked.")


@subscriber.command()
@click.argument("name")
@pass_context
def enrol(context: Context, name: str) -> None:
    """Print a one-time token, good for 15 minutes, with which NAME fetches its certificate."""
    with transaction(context):
        made = create_enrolment(get_subscriber_named(name), actor=context.actor)
    click.echo(f"Token, shown this once, good until {made.expires_at:%H:%M} UTC:", err=True)
    click.echo(made.token)


def _facts(each: Subscriber) -> dict[str, object]:
    same = ("id", "name", "description", "models", "rate_per_minute", "daily_quota", "certificate_hours", "state")
    return {name: getattr(each, name) for name in same} | {"created_at": each.created_at.isoformat(timespec="seconds")}


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)
