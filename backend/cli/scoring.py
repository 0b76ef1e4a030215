"""A model of this home brought into the command's own process, and the rows of a file made ready for it."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from backend.algorithms.signature import Signature
from backend.cli.context import Context
from backend.cli.database import transaction
from backend.datasets.values import as_json
from backend.errors import FieldProblem, InvalidFields, NotFound, NotReady
from backend.registry.known_aliases import read_known_aliases
from backend.registry.mlflow_rest import Aliases, MlflowRest
from backend.serving.loading import Loader
from backend.serving.models import Predictions, ServedModel
from backend.settings import Settings

Row = dict[str, Any]
_ROWS_AT_ONCE = 2000
_NUMBERS = frozenset({"integer", "number"})


def load_model(context: Context, model: str, alias: str, version: int | None) -> ServedModel:
    """The version, or the one that the alias names: verified and loaded just as the API does it."""
    with closing(MlflowRest(context.settings)) as mlflow:
        number = version or _number(_aliases(context.settings, mlflow), model, alias)
        return Loader(context.settings, mlflow, lambda: transaction(context)).load(model, number)


def read_rows(parquet: Path, signature: Signature) -> Iterator[list[Row]]:
    """The columns that the model takes, as JSON has their values, some rows at a time; others are left out."""
    with pq.ParquetFile(parquet) as file:
        present = set(file.schema_arrow.names)
        texts = {column.name for column in signature.columns if column.kind == "category"}
        wanted = [column.name for column in signature.columns if column.name in present]
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=wanted, use_threads=False):
            yield [
                {name: _text(value) if name in texts else as_json(value) for name, value in row.items()}
                for row in batch.to_pylist()
            ]


def find_unused(parquet: Path, signature: Signature) -> list[str]:
    """Columns of the file that the model does not take, the target among them."""
    taken = {column.name for column in signature.columns}
    with pq.ParquetFile(parquet) as file:
        return [name for name in file.schema_arrow.names if name not in taken]


def verify_columns(parquet: Path, signature: Signature) -> None:
    """InvalidFields names each column that is not there, or is no numbers at all where the model takes numbers."""
    with pq.ParquetFile(parquet) as file:
        schema = file.schema_arrow
        problems = [FieldProblem(c.name, "is missing") for c in signature.columns if c.name not in schema.names]
        for column in signature.columns:
            if column.kind in _NUMBERS and column.name in schema.names and pt.is_string(schema.field(column.name).type):
                row = _first_text(file.read([column.name], use_threads=False).column(0))
                if row is not None:
                    problems.append(FieldProblem(column.name, "holds text where the model takes numbers", row))
    if problems:
        raise InvalidFields(problems)


def score(served: ServedModel, blocks: Iterator[list[Row]]) -> Iterator[Predictions]:
    """Predictions block by block; InvalidFields counts rows from 1 over the whole file."""
    done = 0
    for rows in blocks:
        try:
            yield served.predict(rows)
        except InvalidFields as error:
            raise InvalidFields([replace(p, row=done + (p.row or 0) + 1) for p in error.problems]) from error
        done += len(rows)


def _aliases(settings: Settings, mlflow: MlflowRest) -> Aliases:
    """As MLflow tells them, or as they were known last."""
    try:
        return mlflow.aliases()
    except NotReady:
        known = read_known_aliases(settings)
        if not known:
            raise
        return known


def _number(aliases: Aliases, model: str, alias: str) -> int:
    if model not in aliases:
        raise NotFound(f"There is no model '{model}'. The models are: {', '.join(sorted(aliases)) or 'none so far'}.")
    if alias not in aliases[model]:
        named = ", ".join(sorted(aliases[model])) or "none"
        raise NotFound(f"The model '{model}' has no alias '{alias}'. Its aliases are: {named}.")
    return aliases[model][alias]


def _text(value: Any) -> Any:
    """A category that looks like a number or a truth value in this file is a text all the same."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None or isinstance(value, str) else str(as_json(value))


def _first_text(values: pa.ChunkedArray) -> int | None:
    """The first row, from 1, that holds something which is no number."""
    for row, value in enumerate(values.to_pylist(), start=1):
        try:
            float(value or 0)
        except ValueError:
            return row
    return None
