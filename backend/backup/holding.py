"""Files as they are at a moment, held by a second name (a hard link) while an archive is written: who deletes one meanwhile deletes only the first.

Datasets and models are written once, under names that are never used again, so that a second name is as good as a copy. Records of
predictions are appended to; what came since is kept too, and a record that is cut off at the end is left out by who reads it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from backend.datasets.contents import datasets_folder
from backend.errors import Conflict
from backend.records.places import segments_folder
from backend.settings import Settings

_FOLDER = ".backup"


@dataclass(frozen=True)
class Held:
    """The held files of one kind: those below `source`, by their second names below `folder`."""

    kind: str
    source: Path
    folder: Path

    def take(self) -> None:
        """Hold what is there now and was not before."""
        for path in _files(self.source):
            second = self.folder / path.relative_to(self.source)
            second.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError, FileNotFoundError):
                os.link(path, second)

    def has(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def files(self) -> Iterator[tuple[str, Path]]:
        """The name of each below the source, and where it is held."""
        for path in sorted(_files(self.folder)):
            yield path.relative_to(self.folder).as_posix(), path


@dataclass(frozen=True)
class Holding:
    """Everything that is held, and room for what is copied."""

    datasets: Held
    artifacts: Held
    records: Held
    scratch: Path

    def take(self) -> None:
        self.datasets.take()
        self.artifacts.take()
        self.records.take()


@contextmanager
def holding(settings: Settings) -> Iterator[Holding]:
    """Nothing is held yet; nothing is any more when the block ends. Conflict where another backup is being made."""
    near, far = settings.data / _FOLDER, settings.mlruns / _FOLDER
    try:
        with FileLock(settings.data / "backup.lock", timeout=0, mode=0o600):
            _clear(near, far)  # of one that was killed
            try:
                near.mkdir(mode=0o700)
                yield Holding(
                    Held("datasets", datasets_folder(settings), near / "datasets"),
                    Held("artifacts", settings.mlruns / "artifacts", far),
                    Held("records", segments_folder(settings).parent, near / "records"),
                    near,
                )
            finally:
                _clear(near, far)
    except Timeout as error:
        raise Conflict("Another backup of this platform is being made.") from error


def _clear(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> Iterator[Path]:
    """Every file below, links left out; what goes away meanwhile is not there."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path
