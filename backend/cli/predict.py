"""Predictions at the terminal, by the very files that the API serves."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from backend.cli.context import Context, pass_context
from backend.cli.scoring import find_unused, load_model, read_rows, score, verify_columns
from backend.cli.words import read_pairs
from backend.datasets.intake import take_in
from backend.datasets.limits import MEGABYTE
from backend.datasets.options import ReadOptions
from backend.datasets.uploads import received
from backend.protocols import native
from backend.serving.models import Predictions, ServedModel
from backend.settings import Settings


@click.command()
@click.argument("model")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--row", help="One row, or a list of rows, as JSON: by name, or in the order of the columns.")
@click.option("--alias", default="champion", show_default=True, help="The version behind this alias.")
@click.option("--version", type=click.IntRange(min=1), help="Exactly this version.")
@click.option("--output", type=click.File("w", lazy=True), default="-", help="Where the predictions of FILE go.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of CSV.")
@click.option("--read", "reading", multiple=True, metavar="KEY=VALUE", help="How to read FILE, such as header=false.")
@pass_context
def predict(
    context: Context,
    /,
    *,
    model: str,
    file: Path | None,
    row: str | None,
    alias: str,
    version: int | None,
    output: TextIO,
    as_json: bool,
    reading: tuple[str, ...],
) -> None:
    """Predict with MODEL for every row of FILE, in its order, or for the rows of --row."""
    if (file is None) == (row is None):
        raise click.UsageError("Give a FILE or --row, one of the two.")
    options = ReadOptions.from_text(read_pairs(reading))
    served = load_model(context, model, alias, version)
    if file is None:
        click.echo(_answer(served, row or "", context.settings))
        return
    with _table(context.settings, file, options) as parquet:
        verify_columns(parquet, served.signature)
        _tell_unused(served, parquet)
        _write(score(served, read_rows(parquet, served.signature)), output, as_json=as_json)


def _answer(served: ServedModel, row: str, settings: Settings) -> str:
    """What the API would answer, without an id: nobody will report what came of it."""
    try:
        json.loads(row)
    except ValueError as error:
        raise click.BadParameter(f"This is not JSON: {error}.", param_hint="--row") from error
    question = native.parse(f'{{"features": {row}}}'.encode(), max_rows=settings.max_rows)
    answer = native.render(
        question, served.predict(question.rows), model=served.model, version=served.version, prediction_id=""
    )
    del answer["prediction_id"]
    return json.dumps(answer, ensure_ascii=False)


@contextmanager
def _table(settings: Settings, file: Path, options: ReadOptions) -> Iterator[Path]:
    """The file as an upload of it would be read: every column typed over all its rows."""
    limit = settings.max_upload_mb * MEGABYTE
    with file.open("rb") as stream, received(stream, settings.data / "uploads", limit) as upload:
        parquet = upload.path.with_name("rows.parquet")
        take_in(settings, upload.path, file.name, options, parquet)
        yield parquet


def _tell_unused(served: ServedModel, parquet: Path) -> None:
    if unused := find_unused(parquet, served.signature):
        click.secho(f"Not used by the model: {', '.join(unused)}.", err=True, fg="yellow")


def _write(blocks: Iterator[Predictions], output: TextIO, *, as_json: bool) -> None:
    for number, block in enumerate(blocks):
        lines = _objects(block)
        if as_json:
            output.writelines(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
            continue
        table = csv.writer(output, lineterminator="\n")
        if number == 0:
            table.writerow(["prediction", *(f"probability of {name}" for name in lines[0].get("probabilities", {}))])
        table.writerows([_cell(line["prediction"]), *line.get("probabilities", {}).values()] for line in lines)


def _objects(block: Predictions) -> list[dict[str, Any]]:
    """One object a row, as the API has it."""
    if block.probabilities is None:
        return [{"prediction": value} for value in block.values]
    pairs = zip(block.values, block.probabilities, strict=True)
    return [{"prediction": value, "probabilities": shares} for value, shares in pairs]


def _cell(value: Any) -> Any:
    """Truth values as the platform reads them back."""
    return str(value).lower() if isinstance(value, bool) else value
