"""People who may sign in, kept by the local operator."""

import json
import sys

import click
from rich.console import Console
from rich.table import Table

from backend.cli.context import Context, pass_context
from backend.cli.database import transaction
from backend.identity.passwords import generate_password
from backend.identity.principal import Role
from backend.identity.second_factor import remove
from backend.identity.tables import User
from backend.identity.users import (
    change_role,
    create_user,
    disable_user,
    enable_user,
    get_user_named,
    list_users,
    set_password,
)

_ROLE = click.Choice([role.value for role in Role])
_generate = click.option("--generate", is_flag=True, help="Make a password and print it, once.")


@click.group()
def user() -> None:
    """People who may sign in."""


@user.command()
@click.argument("username")
@click.option("--role", type=_ROLE, required=True, help="What the person may do.")
@_generate
@pass_context
def add(context: Context, username: str, role: str, *, generate: bool) -> None:
    """Let USERNAME sign in. The password is asked for, or read from standard input."""
    word = _password(generate=generate)
    with transaction(context):
        create_user(username, word, Role(role), actor=context.actor)
    _tell(f"{username} may sign in as {role}.", word if generate else None)


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def show(context: Context, *, as_json: bool) -> None:
    """Everybody, by name."""
    with transaction(context):
        people = [_facts(person) for person in list_users()]
    if as_json:
        click.echo(json.dumps(people))
        return
    table = Table("username", "role", "state", "created")
    for person in people:
        table.add_row(*(person[field] for field in ("username", "role", "state", "created_at")))
    Console(markup=False, highlight=False).print(table)


@user.command()
@click.argument("username")
@_generate
@pass_context
def password(context: Context, username: str, *, generate: bool) -> None:
    """Give USERNAME a new password, which ends every session of the person."""
    with transaction(context):
        get_user_named(username)
    word = _password(generate=generate)
    with transaction(context):
        set_password(context.settings, get_user_named(username), word, actor=context.actor)
    _tell(f"{username} has a new password and is signed out everywhere.", word if generate else None)


@user.command()
@click.argument("username")
@click.argument("role", type=_ROLE)
@pass_context
def role(context: Context, username: str, role: str) -> None:
    """Give USERNAME another ROLE, from the next request on."""
    with transaction(context):
        change_role(get_user_named(username), Role(role), actor=context.actor)
    _tell(f"{username} is {role} now.")


@user.command()
@click.argument("username")
@pass_context
def disable(context: Context, username: str) -> None:
    """Sign USERNAME out everywhere and let nobody in under that name."""
    with transaction(context):
        disable_user(get_user_named(username), actor=context.actor)
    _tell(f"{username} is signed out and cannot sign in.")


@user.command()
@click.argument("username")
@pass_context
def enable(context: Context, username: str) -> None:
    """Let USERNAME in again."""
    with transaction(context):
        enable_user(get_user_named(username), actor=context.actor)
    _tell(f"{username} may sign in again.")


@user.command("otp-reset")
@click.argument("username")
@pass_context
def otp_reset(context: Context, username: str) -> None:
    """Take the lost second factor of USERNAME away: the password alone lets them in again."""
    with transaction(context):
        remove(get_user_named(username), actor=context.actor)
    _tell(f"{username} signs in with the password alone, until they begin with a new second factor.")


def _password(*, generate: bool) -> str:
    """Generated, typed twice, or one line of a pipe; never an argument, which other users of the machine can see."""
    if generate:
        return generate_password()
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


def _tell(fact: str, generated: str | None = None) -> None:
    click.echo(fact)
    if generated is not None:
        click.echo(f"Password, shown this once: {generated}")


def _facts(person: User) -> dict[str, str]:
    return {
        "username": person.username,
        "role": person.role,
        "state": "active" if person.disabled_at is None else "disabled",
        "created_at": person.created_at.isoformat(timespec="seconds"),
    }
