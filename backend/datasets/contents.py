"""The values of a dataset, read from its Parquet file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from backend.datasets.tables import Dataset
from backend.datasets.values import as_json
from backend.errors import NotFound
from backend.settings import Settings

GONE = "The dataset's file is gone. Upload it again."


def datasets_folder(settings: Settings) -> Path:
    """Where the Parquet files of all datasets are."""
    return settings.data / "datasets"


def uploads_folder(settings: Settings) -> Path:
    """Where files are while they are received and read."""
    return settings.data / "uploads"


def dataset_path(settings: Settings, dataset: Dataset) -> Path:
    """The dataset's Parquet file."""
    return datasets_folder(settings) / f"{dataset.id}.parquet"


def preview(settings: Settings, dataset: Dataset, limit: int = 100) -> list[dict[str, Any]]:
    """The first rows by column name, as JSON has them: None where missing, times as ISO 8601."""
    try:
        with pq.ParquetFile(dataset_path(settings, dataset)) as file:
            batch = next(file.iter_batches(limit, use_threads=False))
    except FileNotFoundError as error:
        raise NotFound(GONE) from error
    return [{name: as_json(value) for name, value in row.items()} for row in batch.to_pylist()]


def read_columns(settings: Settings, dataset: Dataset, names: Sequence[str] | None = None) -> pa.Table:
    """All rows of the columns named, in that order, or of all columns."""
    try:
        with pq.ParquetFile(dataset_path(settings, dataset)) as file:
            table = file.read(columns=names if names is None else list(names), use_threads=False)
    except FileNotFoundError as error:
        raise NotFound(GONE) from error
    return table if names is None else table.select(list(names))
