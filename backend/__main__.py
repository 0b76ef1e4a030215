"""The platform's one command: `python -m backend --help`. Here commands, settings and app are put together."""

from collections.abc import Sequence

import click

from backend.cli.context import Context
from backend.cli.failure import FailingPlainly
from backend.cli.lazy import Lazy, LazyGroup, deferred

COMMANDS = {
    "up": Lazy("backend.supervision.commands:up", "Run the whole platform until Ctrl-C."),
    "train": Lazy("backend.cli.train:train", "Train a model from a file."),
    "predict": Lazy("backend.cli.predict:predict", "Score a file, or one row, with a model."),
    "user": Lazy("backend.cli.user:user", "People who may sign in."),
    "subscriber": Lazy("backend.cli.subscriber:subscriber", "Services that may ask models, each by its certificate."),
    "certificate": Lazy("backend.cli.certificate:certificate", "Certificates of subscribers, and the root's key."),
    "audit": Lazy("backend.cli.audit:audit", "The journal: who did what, when, to what."),
    "backup": Lazy("backend.cli.backup:backup", "Write everything of this moment into one sealed archive."),
    "restore": Lazy("backend.cli.backup:restore", "Make an empty home the platform of an archive."),
    "backup-key": Lazy(
        "backend.cli.backup:backup_key", "Make a key for which archives are sealed, to be kept elsewhere."
    ),
    "algorithm": Lazy("backend.cli.algorithm:algorithm", "Learning algorithms that are installed."),
    "init": Lazy("backend.supervision.commands:init", "Make what a first start needs: keys, database, administrator."),
    "serve": Lazy("backend.supervision.commands:serve", "Run the API alone."),
    "worker": Lazy("backend.supervision.commands:worker", "Run the training worker alone."),
    "mlflow": Lazy("backend.supervision.commands:mlflow", "Run MLflow alone."),
    "ui": Lazy("backend.supervision.commands:ui", "Run the web app alone."),
    "ready": Lazy("backend.supervision.commands:ready", "Wait until everything answers, and say so.", hidden=True),
}


class Program(FailingPlainly, LazyGroup):
    """Every command, imported when called; a refusal is one line."""


@click.group(
    cls=Program,
    lazy=COMMANDS,
    epilog="Settings are environment variables that begin with SIGNET_; the README lists them. "
    "Exit codes: 0 done, 1 failed, 2 bad input, 3 the platform is not running.",
)
def program() -> None:
    """Signet: from a file to a served model, on one machine."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, by default that of this process, which ends with it."""
    context = Context(deferred("backend.settings:load_settings"), deferred("backend.storage:create_storage"))
    program(arguments, prog_name="python -m backend", obj=context)


if __name__ == "__main__":
    main()
