"""A group whose commands are imported when they are called, so that `--help` answers at once."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import click


class Lazy(NamedTuple):
    """Where a command is (`module:name`), and the line that `--help` shows for it."""

    where: str
    help: str
    hidden: bool = False


def load(where: str) -> Any:
    """The object at `module:name`."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


def deferred(where: str) -> Callable[..., Any]:
    """The function at `module:name`, imported when it is called."""

    def call(*arguments: Any) -> Any:
        return load(where)(*arguments)

    return call


class LazyGroup(click.Group):
    """A click group over a table of names."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table, which is that of a first acquaintance."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = self._lazy.get(cmd_name)
        if lazy is None:
            return None
        command: click.Command = load(lazy.where)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, without importing every command to guess what a mistyped one may have meant."""
        if args[0] not in self._lazy:
            ctx.fail(f"There is no command '{args[0]}'. See --help for those there are.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self._lazy.items() if not lazy.hidden])
