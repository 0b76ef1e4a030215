"""Where a backup is unpacked before it is believed: beside the places that it will take, on the same disks."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.backup.databases import every_database
from backend.backup.entries import Entry
from backend.backup.rows import verify_no_tables
from backend.datasets.contents import datasets_folder
from backend.durable import flush
from backend.errors import Conflict, Invalid, UnsafeSettings
from backend.identity.authority_files import authority_folder
from backend.records.places import segments_folder
from backend.settings import Settings

_FOLDER = ".restore"
_UNFINISHED = (
    "A restore into {home} was cut short, so what is there is not whole. Empty `certs/`, `data/` and `mlruns/` (and a "
    "PostgreSQL database), then restore again."
)


def verify_no_restore_unfinished(settings: Settings) -> None:
    """UnsafeSettings where a restore ended in the middle: nothing may start on half of a platform."""
    if (settings.data / _FOLDER).exists():
        raise UnsafeSettings(_UNFINISHED.format(home=settings.home))


def verify_empty(settings: Settings) -> None:
    """Conflict where a platform, or a part of one, is there already."""
    artifacts = settings.mlruns / "artifacts"
    there = [authority_folder(settings), datasets_folder(settings), artifacts, settings.certs / "ca.pem"]
    there.append(segments_folder(settings))
    there += [database.file for database in every_database(settings) if database.file is not None]
    for path in there:
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise Conflict(
                f"{path} is there already. A backup is restored into an empty home: set SIGNET_HOME to a new one."
            )
    for database in every_database(settings):
        if database.file is None:
            verify_no_tables(database)


@dataclass(frozen=True)
class Staging:
    """The folders of one restore; `place` moves everything to where it belongs, `discard` leaves nothing."""

    settings: Settings

    @property
    def near(self) -> Path:
        return self.settings.data / _FOLDER

    @property
    def rows(self) -> Path:
        return self.near / "rows"

    @property
    def datasets(self) -> Path:
        return self.near / "datasets"

    @property
    def records(self) -> Path:
        return self.near / "records"

    @property
    def artifacts(self) -> Path:
        return self.settings.mlruns / _FOLDER / "artifacts"

    @property
    def certs(self) -> Path:
        return self.settings.certs / _FOLDER

    def database(self, name: str) -> Path:
        """The file of an SQLite database; beside its own place, which another setting may have moved."""
        folder = self.near if name == "signet" else self.settings.mlruns / _FOLDER
        return folder / f"{name}.db"

    def prepare(self) -> None:
        for folder in (self.settings.certs, self.settings.data, self.settings.mlruns):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.near.mkdir(mode=0o700)

    def keep(self, entry: Entry) -> None:
        """Write the entry below the folder of its kind; Invalid for a kind that this release does not know."""
        kind, _, rest = entry.name.partition("/")
        folders = {name: getattr(self, name) for name in ("certs", "datasets", "artifacts", "records", "rows")}
        if kind == "sqlite":
            path = self.database(rest)
        elif kind in folders and rest:
            path = folders[kind] / rest
        else:
            raise Invalid("The archive was made by a later release. Restore it with that one.", cause=entry.name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = 0o644 if entry.mode & 0o044 else 0o600
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            for block in entry.blocks:
                file.write(block)
            file.flush()
            os.fsync(descriptor)

    def place(self) -> None:
        """Everything to where it belongs, our own database last; what is left of the staging says that it was not finished."""
        _move(self.artifacts, self.settings.mlruns / "artifacts")
        _move(self.datasets, datasets_folder(self.settings))
        _move(self.records, segments_folder(self.settings).parent)
        for child in _children(self.certs):
            child.rename(self.settings.certs / child.name)
        for database in reversed(every_database(self.settings)):
            if database.file is not None and self.database(database.name).exists():
                self.database(database.name).rename(database.file)
                flush(database.file.parent)
        flush(self.settings.certs)

    def discard(self) -> None:
        for folder in (self.certs, self.settings.mlruns / _FOLDER, self.near):
            shutil.rmtree(folder, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for child in _children(source):
        child.rename(target / child.name)
    flush(target)


def _children(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.iterdir()) if folder.is_dir() else ()
