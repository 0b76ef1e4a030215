"""Backups at the terminal: made into a file, a folder that keeps the newest, or a pipe; restored into an empty home."""

import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import click

from backend.audit.events import Event
from backend.audit.journal import record
from backend.audit.verify import Head
from backend.backup.making import Made, make_backup, whole_or_nothing
from backend.backup.openers import Opener, Passphrase, Recipient, make_recipient_key, read_recipient_key
from backend.backup.restoring import Restored, Wishes, restore_backup
from backend.cli.audit import known_head
from backend.cli.context import Context, pass_context
from backend.cli.database import transaction
from backend.cli.failure import Failure
from backend.database import now
from backend.errors import Conflict
from backend.settings import Settings

_PATH = click.Path(path_type=Path)
_NAMED = re.compile(r"signet-\d{8}T\d{6}Z\.backup")


@click.command()
@click.argument("target", type=_PATH)
@click.option("--keep", type=click.IntRange(1), help="Where TARGET is a folder: keep so many archives, the newest.")
@click.option("--recipient", "recipients", multiple=True, help="Seal it for this key, as `backup-key` printed it.")
@pass_context
def backup(context: Context, target: Path, keep: int | None, recipients: tuple[str, ...]) -> None:
    """Write everything of this moment into one sealed archive, while the platform goes on.

    TARGET is a file that is not there yet, a folder, in which the archive is named by the time, or - for standard output.
    It holds every key of the platform: it opens with the passphrase (SIGNET_BACKUP_PASSPHRASE, or asked for), or with the
    recipient's key alone (--recipient, SIGNET_BACKUP_RECIPIENT).
    """
    settings, began = context.settings, time.monotonic()
    openers = _closers(settings, recipients)
    if str(target) == "-":
        made = make_backup(settings, sys.stdout.buffer, openers)
        sys.stdout.buffer.flush()
    else:
        path = target / f"signet-{now():%Y%m%dT%H%M%SZ}.backup" if target.is_dir() else target
        if path.exists():
            raise Conflict(f"{path} is there already. Name a file that is not.")
        with whole_or_nothing(path) as file:
            made = make_backup(settings, file, openers)
        _remove_old(target, keep)
    with transaction(context):
        record(
            Event.PLATFORM_BACKED_UP, actor=context.actor, details={"head": f"{made.head.position}:{made.head.hash}"}
        )
    _tell_made(made, time.monotonic() - began)


@click.command()
@click.argument("archive", type=click.File("rb"))
@click.option(
    "--key", "key_file", type=_PATH, help="The file that `backup-key` made; the passphrase is used otherwise."
)
@click.option("--revocations", type=_PATH, help="The newest revocation list that was kept: /pki/subscribers.crl.")
@click.option(
    "--keep-subscribers",
    is_flag=True,
    help="Let subscribers in at once: nothing was revoked since, or --revocations tells it.",
)
@click.option(
    "--known", metavar="POSITION:HASH", callback=known_head, help="The head of the journal that was kept elsewhere."
)
@pass_context
def restore(
    context: Context,
    archive: BinaryIO,
    key_file: Path | None,
    revocations: Path | None,
    known: Head | None,
    *,
    keep_subscribers: bool,
) -> None:
    """Make an empty home the platform of ARCHIVE (- for standard input).

    Everybody signs in anew. Every subscriber with a certificate is suspended until a manager resumes it, for what was revoked
    after the backup is not in it; --keep-subscribers leaves them as they were.
    """
    began = time.monotonic()
    opener: Opener = (
        read_recipient_key(key_file) if key_file else Passphrase(_passphrase(context.settings, asked="once"))
    )
    wishes = Wishes(context.actor, revocations, known, "none" if keep_subscribers else "all")
    restored = restore_backup(context.settings, archive, [opener], wishes)
    _tell_restored(restored, time.monotonic() - began)
    if not restored.verdict.ok:
        raise Failure(
            f"The journal is broken at position {restored.verdict.first_broken}: it was so in the archive, or it is not the one that was known."
        )


@click.command("backup-key")
@click.argument("file", type=_PATH)
def backup_key(file: Path) -> None:
    """Make a key in FILE for which archives can be sealed. Keep it away from the machine: without it they never open."""
    recipient = make_recipient_key(file)
    click.echo(f"The key is in {file}: keep it elsewhere, and copies of it. Seal backups for it with", err=True)
    click.echo(recipient.to_text())


def _closers(settings: Settings, recipients: tuple[str, ...]) -> list[Opener]:
    texts = recipients or ((settings.backup_recipient,) if settings.backup_recipient else ())
    closers: list[Opener] = [Recipient.from_text(text) for text in texts]
    # With a recipient, nothing on this machine opens the archive, unless a passphrase is wanted beside it.
    if not closers or settings.backup_passphrase.get_secret_value():
        closers.append(Passphrase(_passphrase(settings, asked="twice")))
    return closers


def _passphrase(settings: Settings, *, asked: str) -> str:
    """That of the settings; else typed at the terminal, never an argument, which other users of the machine can see."""
    if given := settings.backup_passphrase.get_secret_value():
        return given
    if not sys.stdin.isatty():
        raise click.UsageError("Set SIGNET_BACKUP_PASSPHRASE, or name a recipient or its key.")
    typed: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=asked == "twice", err=True)
    return typed


def _remove_old(folder: Path, keep: int | None) -> None:
    if keep is None or not folder.is_dir():
        return
    archives = sorted(path for path in folder.iterdir() if _NAMED.fullmatch(path.name))
    for path in archives[:-keep]:
        path.unlink()
        click.echo(f"Removed {path}.", err=True)


def _tell_made(made: Made, seconds: float) -> None:
    megabytes = made.bytes / 1e6
    click.echo(
        f"Backed up as of {made.made_at:%Y-%m-%d %H:%M:%S} UTC in {seconds:.1f} s: {made.datasets} datasets, {made.versions} model "
        f"versions, {megabytes:,.1f} MB before compression.",
        err=True,
    )
    for name in made.missing:
        click.secho(f"Missing on the platform itself: {name}", fg="yellow", err=True)
    click.echo(f"Keep this elsewhere, and give it as --known later: {made.head.position}:{made.head.hash}", err=True)


def _tell_restored(restored: Restored, seconds: float) -> None:
    amends, since = restored.amends, f"{restored.made_at:%Y-%m-%d %H:%M:%S} UTC"
    counts = ", ".join(f"{number} {name}" for name, number in restored.counts.items())
    click.secho(f"Restored in {seconds:.1f} s, as of {since}: {counts}.", fg="green")
    for name in restored.missing:
        click.secho(f"Missing in the archive, as it was on the platform: {name}", fg="yellow")
    if restored.verdict.ok:
        click.echo(f"The journal is whole: {restored.verdict.events} events.")
    click.echo(f"What was done after {since} ({_ago(restored.made_at)} ago) is not in it:")
    click.echo("- Certificates that were issued since are refused. Their subscribers enrol anew.")
    click.echo(
        "- Passwords, roles, second factors and people are those of then: look whether somebody was to be kept out since."
    )
    click.echo(f"- Every session has ended ({amends.sessions_ended}); invitations to enrol are void.")
    if restored.list_issued_at is not None:
        click.echo(
            f"- The revocation list of {restored.list_issued_at:%Y-%m-%d %H:%M:%S} UTC took back {amends.taken_back} certificates that were "
            f"good then, and names {amends.unknown} that the archive never knew. What was revoked after it is good again."
        )
    else:
        click.secho(f"- Certificates that were revoked after {since} are good again: revoke them anew.", fg="yellow")
    if amends.suspended:
        click.secho(
            f"{amends.suspended} subscribers are suspended until a manager has seen to that and resumes them.",
            fg="yellow",
        )
    click.echo(f"Revocation lists go on with number {amends.list_number}. Start the platform with `make run`.")


def _ago(moment: datetime) -> str:
    return str(timedelta(seconds=int((datetime.now(UTC) - moment).total_seconds())))
