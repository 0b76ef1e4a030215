"""Datasets made, found, listed and deleted: the module of the room that changes the database."""

from typing import BinaryIO

from sqlalchemy import select

from backend.database import db, new_id
from backend.datasets.contents import dataset_path, preview, uploads_folder
from backend.datasets.files import keep_if_committed, remove_if_committed
from backend.datasets.intake import take_in
from backend.datasets.limits import MEGABYTE
from backend.datasets.options import AS_FOUND, ReadOptions
from backend.datasets.tables import Dataset
from backend.datasets.uploads import received
from backend.errors import Invalid, NotFound
from backend.settings import Settings

__all__ = ["create_dataset", "dataset_path", "delete_dataset", "get_dataset", "list_datasets", "preview"]

LONGEST_NAME = 100


def create_dataset(
    settings: Settings, actor: str, name: str, stream: BinaryIO, filename: str, options: ReadOptions = AS_FOUND
) -> Dataset:
    """Receive a file, read it whole and keep it as a dataset; the row joins the session, the caller commits.

    Names need not be unique. Raises Invalid for a bad name, TooLarge, and DatasetUnreadable, which says what and where;
    then, or should the caller's transaction be rolled back, nothing of the file is left.
    """
    dataset = Dataset(id=new_id(), name=verified_name(name), created_by=actor, options=options.to_json())
    target = dataset_path(settings, dataset)
    with received(stream, uploads_folder(settings), settings.max_upload_mb * MEGABYTE) as upload:
        made = take_in(settings, upload.path, filename, options, target)
    keep_if_committed(db.session(), target)
    dataset.sha256, dataset.bytes = upload.sha256, upload.bytes
    dataset.rows, dataset.columns = made.rows, made.columns
    dataset.source_format, dataset.warnings = made.format.value, made.notes
    db.session.add(dataset)
    db.session.flush()
    return dataset


def verified_name(name: str) -> str:
    """The name without spaces around it; Invalid where people could not read it."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise Invalid(f"The dataset's name must have 1 to {LONGEST_NAME} characters.")
    if not name.isprintable():
        raise Invalid("The dataset's name must not hold line breaks or control characters.")
    return name


def get_dataset(dataset_id: str) -> Dataset:
    """The dataset; NotFound where there is none by that id."""
    dataset = db.session.get(Dataset, dataset_id)
    if dataset is None:
        raise NotFound("There is no such dataset.")
    return dataset


def list_datasets() -> list[Dataset]:
    """All datasets, the newest first."""
    return list(db.session.scalars(select(Dataset).order_by(Dataset.created_at.desc(), Dataset.id)))


def delete_dataset(settings: Settings, dataset_id: str) -> None:
    """Remove the dataset's row, and its file as soon as the caller commits."""
    dataset = get_dataset(dataset_id)
    remove_if_committed(db.session(), dataset_path(settings, dataset))
    db.session.delete(dataset)
    db.session.flush()
