"""What processes that died left in the data folder is removed; what is whole, and what other processes work at, is not touched."""

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from backend.database import db
from backend.datasets.at_work import free
from backend.datasets.contents import datasets_folder, uploads_folder
from backend.datasets.tables import Dataset
from backend.settings import Settings

SWEPT_AFTER_SECONDS = 3600

_log = logging.getLogger("signet.datasets")


def sweep(settings: Settings) -> int:
    """Remove files without a row that are older than an hour and at which nobody works; says how many.

    Any number of processes may do so at once, and while others receive and read files.
    """
    left = [*_entries(uploads_folder(settings)), *_unknown(settings)]
    return sum(_remove(path) for path in left if time.time() - _touched(path) > SWEPT_AFTER_SECONDS)


def _unknown(settings: Settings) -> list[Path]:
    """Parts of datasets, and whole ones that have no row."""
    # What is in the folder first: a dataset that comes in between has its row by the time that rows are read.
    entries = list(_entries(datasets_folder(settings)))
    known = set(db.session.scalars(select(Dataset.id)))
    parts = [path for path in entries if path.suffix != ".parquet"]
    whole = {path for path in entries if path.suffix == ".parquet"}
    unknown = {path for path in whole if path.stem not in known}
    if unknown and unknown == whole:
        # Another database was named by mistake, or an empty one brought back: that must not cost anybody their data.
        _log.warning("%d files in %s belong to no dataset of this database; they stay", len(whole), settings.data)
        return parts
    return [*parts, *unknown]


def _entries(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())


def _touched(path: Path) -> float:
    """When the file, or anything in the folder, was last written to; of what is gone by now, this moment."""
    try:
        return max(entry.lstat().st_mtime for entry in (path, *path.glob("*")))
    except FileNotFoundError:
        return time.time()


def _remove(path: Path) -> bool:
    """Whether this process removed it, at which nobody else works."""
    if path.is_symlink():
        path.unlink(missing_ok=True)
        return True
    with suppress(BlockingIOError, FileNotFoundError), free(path):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return True
    return False
