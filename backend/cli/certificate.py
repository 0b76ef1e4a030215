"""Certificates of subscribers and the root's key, kept by the local operator."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import click
from rich.console import Console
from rich.table import Table

from backend.cli.context import Context, pass_context
from backend.cli.database import transaction
from backend.database import now
from backend.errors import Conflict
from backend.identity.authority import ageing_without_root
from backend.identity.authority_files import open_authority
from backend.identity.certificates import CertificateState, list_certificates, state_at
from backend.identity.issuing import issue_certificate
from backend.identity.key_files import make_key
from backend.identity.revocation import revoke_certificate
from backend.identity.root_key import bring_root_online, take_root_offline
from backend.identity.subscriber_tables import Certificate
from backend.identity.subscribers import get_subscriber_named
from backend.pki.keystore import write_private, write_public
from backend.pki.revocation import REASONS

_FILE = click.Path(path_type=Path, dir_okay=False)
_STATE = click.Choice([state.value for state in CertificateState])


@click.group()
def certificate() -> None:
    """Certificates of subscribers, and the key of the root above them."""


@certificate.command()
@click.argument("name")
@click.option("--csr", type=click.File("rb"), help="Signing request, PEM; - for standard input.")
@click.option("--generate", is_flag=True, help="Make the key here; --out is then a PKCS#12 file.")
@click.option("--out", type=_FILE, help="File to write; standard output where not given.")
@pass_context
def issue(context: Context, name: str, csr: BinaryIO | None, out: Path | None, *, generate: bool) -> None:
    """Issue a certificate to the subscriber NAME, with its chain."""
    if out is not None and out.exists():
        raise Conflict(f"{out} is there already. Name a file that is not.")
    if csr is not None and not generate:
        _issue(context, name, csr.read(), out)
    elif generate and csr is None and out is not None:
        _issue_with_key(context, name, out)
    else:
        raise click.UsageError("Give either --csr FILE, or --generate and --out FILE.")


@certificate.command("list")
@click.option("--subscriber", "name", help="Only those of this subscriber.")
@click.option("--state", type=_STATE, help="Only those in this state.")
@click.option("--expiring-within-days", type=click.IntRange(0, 3650), help="Only valid ones that end by then.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def show(
    context: Context, name: str | None, state: str | None, expiring_within_days: int | None, *, as_json: bool
) -> None:
    """Certificates, the one that ends first first."""
    within = None if expiring_within_days is None else timedelta(days=expiring_within_days)
    with transaction(context):
        rows = list_certificates(
            subscriber_id=get_subscriber_named(name).id if name else None,
            state=CertificateState(state) if state else None,
            expiring_within=within,
        )
        facts = [_facts(row) for row in rows]
    for warning in ageing_without_root(open_authority(context.settings), now()):
        click.secho(warning, err=True, fg="yellow")
    if as_json:
        click.echo(json.dumps(facts))
        return
    table = Table("subscriber", "state", "not_after", "serial_number")
    for each in facts:
        table.add_row(*(each[column] or "" for column in ("subscriber", "state", "not_after", "serial_number")))
    Console(markup=False, highlight=False).print(table)


@certificate.command()
@click.argument("serial_number")
@click.option("--reason", type=click.Choice(REASONS), default="unspecified", help="Why, in RFC 5280's words.")
@pass_context
def revoke(context: Context, serial_number: str, reason: str) -> None:
    """Take the certificate SERIAL_NUMBER back for good, from its next request on."""
    with transaction(context):
        revoke_certificate(context.settings, serial_number, reason, actor=context.actor)
    click.echo("It is refused from now on.")


@certificate.command("root-offline")
@click.argument("file", type=_FILE)
@pass_context
def root_offline(context: Context, file: Path) -> None:
    """Move the root's key into FILE, under a passphrase, and keep that file elsewhere. Everything goes on without it."""
    passphrase = _passphrase(confirmed=True)
    with transaction(context):
        take_root_offline(context.settings, file, passphrase, actor=context.actor)
    click.echo(f"The root's key is in {file} and nowhere else. Keep it apart, and copies of it.")


@certificate.command("root-online")
@click.argument("file", type=_FILE)
@pass_context
def root_online(context: Context, file: Path) -> None:
    """Bring the root's key back from FILE. The next start renews what it signs."""
    passphrase = _passphrase(confirmed=False)
    with transaction(context):
        bring_root_online(context.settings, file, passphrase, actor=context.actor)
    click.echo("The root's key is back.")


def _issue(context: Context, name: str, request: bytes, out: Path | None) -> None:
    with transaction(context):
        issued = issue_certificate(context.settings, get_subscriber_named(name), request, actor=context.actor)
        text, serial_number = f"{issued.certificate}{issued.chain}", issued.serial_number
    if out is None:
        click.echo(text, nl=False)
    else:
        write_public(out, text.encode())
    click.echo(f"Serial number: {serial_number}", err=True)


def _issue_with_key(context: Context, name: str, out: Path) -> None:
    with transaction(context):
        made = make_key(context.settings, get_subscriber_named(name), actor=context.actor)
        serial_number = made.issued.serial_number
        write_private(out, made.content)
    click.echo(f"Serial number: {serial_number}", err=True)
    click.echo(f"Password of {out}, shown this once: {made.password}")


def _passphrase(*, confirmed: bool) -> str:
    """Typed, or one line of a pipe; never an argument, which other users of the machine can see."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirmed)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


def _facts(row: Certificate) -> dict[str, str | None]:
    return {
        "serial_number": row.serial_number,
        "subscriber": row.subscriber.name if row.subscriber else None,
        "state": state_at(row, now()).value,
        "not_before": row.not_before.isoformat(timespec="seconds"),
        "not_after": row.not_after.isoformat(timespec="seconds"),
        "issued_by": row.issued_by,
        "revocation_reason": row.revocation_reason,
    }
