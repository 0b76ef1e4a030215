"""The journal at the terminal: listed, exported, verified."""

import json
from datetime import UTC, datetime
from typing import Any

import click

from backend.audit.events import Event
from backend.audit.reading import Question, csv_lines, iterate_events, list_events
from backend.audit.tables import AuditEvent
from backend.audit.verify import Head, verify_chain
from backend.cli.context import Context, pass_context
from backend.cli.database import transaction
from backend.cli.failure import Failure

_OUTCOMES = ("done", "refused", "failed")
_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


def known_head(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Head | None:
    """`POSITION:HASH`, as `verify` prints it."""
    if value is None:
        return None
    position, _, digest = value.partition(":")
    if not position.isdecimal() or len(digest) != 64:
        raise click.BadParameter(f"'{value}' should read POSITION:HASH, as an earlier `audit verify` printed it.")
    return Head(int(position), digest.lower())


@click.group()
def audit() -> None:
    """The journal: who did what, when, to what."""


def _filters(function: Any) -> Any:
    options = (
        click.option("--event", type=click.Choice([event.value for event in Event]), help="Only this kind of act."),
        click.option("--actor", help="Only acts of this person, subscriber:<id> or cli:<account>."),
        click.option("--target", help="Only acts on this, such as user:ada."),
        click.option("--outcome", type=click.Choice(_OUTCOMES), help="Only acts that ended so."),
        click.option("--since", type=_MOMENT, help="From this moment on (UTC)."),
        click.option("--until", type=_MOMENT, help="Before this moment (UTC)."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@audit.command("list")
@_filters
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def show(context: Context, /, limit: int, *, as_json: bool, **filters: Any) -> None:
    """The newest events that fit."""
    with transaction(context):
        events = [_facts(event) for event in list_events(_question(filters), limit=limit)]
    if as_json:
        click.echo(json.dumps(events))
        return
    for event in events:
        click.echo(_line(event))


@audit.command()
@_filters
@click.option(
    "--output", type=click.File("w", encoding="utf-8", lazy=True), default="-", help="A file; standard output else."
)
@pass_context
def export(context: Context, /, output: Any, **filters: Any) -> None:
    """Every event that fits, as CSV."""
    with transaction(context):
        for line in csv_lines(iterate_events(_question(filters))):
            output.write(line)


@audit.command()
@click.option(
    "--known",
    metavar="POSITION:HASH",
    callback=known_head,
    help="The head that an earlier run printed: its event must be there still.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def verify(context: Context, known: Head | None, *, as_json: bool) -> None:
    """Compute every hash anew. Exit code 1 where an event was edited, removed, moved or put in."""
    with transaction(context):
        verdict = verify_chain(known=known)
    if as_json:
        click.echo(json.dumps({"events": verdict.events, "ok": verdict.ok, "first_broken": verdict.first_broken}))
    if not verdict.ok:
        raise Failure(f"The journal is broken at position {verdict.first_broken} (it has {verdict.events} events).")
    if not as_json:
        click.secho(f"The journal is whole: {verdict.events} events.", fg="green")
        if verdict.head is not None and verdict.head.position:
            click.echo(
                f"Keep this elsewhere, and give it as --known later: {verdict.head.position}:{verdict.head.hash}"
            )


def _line(event: dict[str, Any]) -> str:
    """One line an event, never folded, so that it can be searched."""
    details = " ".join(f"{name}={value}" for name, value in event["details"].items())
    who = f"{event['actor'] or '-':<16} {event['target'] or '-':<32}"
    return f"{event['position']:>7}  {event['at']}  {event['event']:<24} {event['outcome']:<7} {who} {details}".rstrip()


def _question(filters: dict[str, Any]) -> Question:
    event = filters["event"]
    moments = {name: _aware(filters[name]) for name in ("since", "until")}
    return Question(**filters | moments | {"event": Event(event) if event else None})


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _facts(event: AuditEvent) -> dict[str, Any]:
    names = ("position", "event", "actor", "target", "outcome", "address", "request_id", "hash")
    facts = {name: getattr(event, name) for name in names}
    return {**facts, "at": event.at.isoformat(timespec="seconds"), "details": event.facts}
