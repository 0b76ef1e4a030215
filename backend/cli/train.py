"""From a file to a served model, in one command."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from backend.algorithms.catalog import DEFAULT
from backend.cli.context import Context, pass_context
from backend.cli.database import transaction
from backend.cli.failure import Failure
from backend.cli.job import Standing, follow, interrupt, tell
from backend.cli.words import read_names, read_pairs, read_values
from backend.datasets.options import ReadOptions
from backend.datasets.store import create_dataset
from backend.errors import NotReady
from backend.training.jobs import Wish, create_job
from backend.training.presence import is_worker_present

_COLUMNS = (
    SpinnerColumn(),
    TextColumn("{task.description:<12}"),
    BarColumn(),
    TaskProgressColumn(),
    TimeElapsedColumn(),
)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", required=True, help="The column to predict.")
@click.option("--model", required=True, help="Name of the model; a version is added where it exists.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]), help="Guessed where absent.")
@click.option("--algorithm", default=DEFAULT, show_default=True, help="See `algorithm list`.")
@click.option("--columns", help="Exactly the columns to learn from, between commas; chosen where absent.")
@click.option("--seed", type=int, default=0, show_default=True, help="Where chance begins.")
@click.option(
    "--unknown-categories",
    type=click.Choice(["missing", "refuse"]),
    default="missing",
    show_default=True,
    help="What the model does with a category that training never saw.",
)
@click.option("--set", "hyperparameters", multiple=True, metavar="KEY=VALUE", help="A hyperparameter; repeatable.")
@click.option(
    "--read", "reading", multiple=True, metavar="KEY=VALUE", help="How to read the file, such as header=false."
)
@click.option("--json", "as_json", is_flag=True, help="Print the ended job as JSON.")
@pass_context
def train(
    context: Context,
    /,
    *,
    file: Path,
    columns: str | None,
    hyperparameters: tuple[str, ...],
    reading: tuple[str, ...],
    as_json: bool,
    **wish: Any,
) -> None:
    """Train a model from FILE (CSV, Parquet, Excel) with the running platform, and wait for it.

    Ctrl-C cancels the training.
    """
    options = ReadOptions.from_text(read_pairs(reading))
    order = Wish(columns=read_names(columns), hyperparameters=read_values(hyperparameters), **wish)
    if not is_worker_present(context.settings):
        raise NotReady(f"No training worker runs on {context.settings.home}. Start the platform with `make run`.")
    _end(_train(context, file, options, order), as_json=as_json)


def _train(context: Context, file: Path, options: ReadOptions, order: Wish) -> Standing:
    """Store the file as a dataset, queue the job and follow it to its end."""
    with Progress(*_COLUMNS, console=Console(stderr=True)) as progress:
        with progress.open(file, "rb", description="reading") as stream, transaction(context):
            dataset = create_dataset(context.settings, context.actor, file.stem, stream, file.name, options)
            job_id = create_job(context.actor, dataset, order).id
        try:
            return follow(context, job_id, progress)
        except KeyboardInterrupt:
            return interrupt(context, job_id, progress)


def _end(standing: Standing, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(standing)))
    elif standing.state == "succeeded":
        tell(standing, Console(markup=False, highlight=False))
    if standing.state == "failed":
        raise Failure(standing.error or "The training failed.")
    if standing.state == "cancelled":
        raise Failure("The training was cancelled.")
    if not standing.has_ended:
        click.echo(f"Job {standing.id} goes on.", err=True)
