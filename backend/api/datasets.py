"""Datasets: uploaded, profiled, previewed, deleted."""

from datetime import datetime
from typing import Any

from flask import request
from pydantic import Field

from backend.api.platform import Platform
from backend.api.routing import Answer, Endpoints, Query
from backend.api.uploads import read_upload
from backend.audit.events import Event
from backend.audit.journal import record
from backend.datasets import store
from backend.datasets.tables import Dataset
from backend.identity.principal import Permission, Principal

endpoints = Endpoints("Datasets")

_UPLOAD = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "CSV, Parquet or Excel"},
        # What the content settles needs no option.
        "name": {"type": "string", "maxLength": 100, "description": "Shown to people; the file's name where absent"},
        "header": {"type": "boolean", "description": "false: the first row is data, not names"},
        "delimiter": {"type": "string", "enum": [",", ";", "tab", "|"]},
        "encoding": {"type": "string", "description": "Such as utf-8 or cp1252"},
        "sheet": {"type": "string", "description": "Name of a workbook's sheet, or its place counted from 1"},
        "decimal": {"type": "string", "enum": [".", ","]},
        "day_first": {"type": "boolean", "description": "Whether 01/02/2020 is in February"},
    },
}


class DatasetAnswer(Answer):
    id: str
    name: str
    rows: int
    columns: list[dict[str, Any]] = Field(description="`name`, `type`, `missing`, `distinct` and a profile by type")
    sha256: str = Field(description="Of the uploaded bytes")
    bytes: int
    source_format: str
    warnings: list[str]
    created_by: str
    created_at: datetime


class DatasetList(Answer):
    items: list[DatasetAnswer]


class PreviewQuery(Query):
    limit: int = Field(100, ge=1, le=1000)


class Preview(Answer):
    rows: list[dict[str, Any]]


@endpoints.post(
    "/v1/datasets",
    access=Permission.WRITE_DATASETS,
    answer=DatasetAnswer,
    status=201,
    accepts={"multipart/form-data": _UPLOAD},
)
def create_dataset(actor: Principal, platform: Platform) -> Dataset:
    """Upload a table. It is read whole, typed over all its rows and profiled before the answer."""
    upload = read_upload(request, platform.settings)
    return store.create_dataset(
        platform.settings, actor.name, upload.name, upload.stream, upload.filename, upload.options
    )


@endpoints.get("/v1/datasets", access=Permission.READ_DATASETS, answer=DatasetList)
def list_datasets() -> dict[str, object]:
    """All datasets, the newest first."""
    return {"items": store.list_datasets()}


@endpoints.get("/v1/datasets/{dataset_id}", access=Permission.READ_DATASETS, answer=DatasetAnswer)
def read_dataset(dataset_id: str) -> Dataset:
    """One dataset with the profile of each column."""
    return store.get_dataset(dataset_id)


@endpoints.get("/v1/datasets/{dataset_id}/preview", access=Permission.READ_DATASETS, answer=Preview)
def preview_dataset(dataset_id: str, query: PreviewQuery, platform: Platform) -> dict[str, object]:
    """The first rows; a missing value is null."""
    return {"rows": store.preview(platform.settings, store.get_dataset(dataset_id), query.limit)}


@endpoints.delete("/v1/datasets/{dataset_id}", access=Permission.WRITE_DATASETS)
def delete_dataset(dataset_id: str, actor: Principal, platform: Platform) -> None:
    """Remove the dataset and its file. Models trained from it stay."""
    name = store.get_dataset(dataset_id).name
    store.delete_dataset(platform.settings, dataset_id)
    record(Event.DATASET_DELETED, actor=actor.actor, target=f"dataset:{dataset_id}", details={"name": name})
