"""An error of the platform's family as one red line and an exit code, without a traceback."""

from typing import IO, Any

import click

from backend.errors import (
    Conflict,
    Invalid,
    Malformed,
    NotFound,
    NotReady,
    SignetError,
    TooLarge,
    UnsafeSettings,
    UnsupportedMediaType,
)

FAILED, BAD_INPUT, NOT_RUNNING = 1, 2, 3

EXIT_CODES: dict[type[SignetError], int] = {
    NotReady: NOT_RUNNING,
    Conflict: BAD_INPUT,
    Invalid: BAD_INPUT,
    Malformed: BAD_INPUT,
    NotFound: BAD_INPUT,
    TooLarge: BAD_INPUT,
    UnsafeSettings: BAD_INPUT,
    UnsupportedMediaType: BAD_INPUT,
}


class Failure(click.ClickException):
    """What click shows and exits with."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance

    @classmethod
    def from_error(cls, error: SignetError) -> "Failure":
        """The error's text for people, and the exit code of its kind."""
        kinds = (EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
        return cls(error.detail, next(kinds, FAILED))

    def show(self, file: IO[Any] | None = None) -> None:
        click.secho(f"Error: {self.message}", file=file, err=file is None, fg="red")


class FailingPlainly(click.Group):
    """A group in which an error of the family ends the program as a Failure."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SignetError as error:
            raise Failure.from_error(error) from error
