"""Where the processes of one API server keep their metrics, so that any of them can tell those of all."""

import os
import shutil
from pathlib import Path

import psutil
from prometheus_client import multiprocess, values

from backend.settings import Settings

_FOLDERS: list[Path] = []


def share(settings: Settings) -> Path:
    """From now on the metrics of this process, and of those that it forks, are kept in files.

    The folder is this server's own: several servers may share a home. What servers that are gone have left is removed.
    """
    every = settings.data / "metrics"
    every.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in every.iterdir():
        if not (left.name.isdigit() and psutil.pid_exists(int(left.name))) or int(left.name) == os.getpid():
            shutil.rmtree(left, ignore_errors=True)
    folder = every / str(os.getpid())
    folder.mkdir(mode=0o700)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # noqa: TID251 - the library reads it nowhere else
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
    _FOLDERS[:] = [folder]
    return folder


def shared_folder() -> Path | None:
    """The folder that this process shares with others; None where it is alone."""
    return _FOLDERS[0] if _FOLDERS else None


def forget(pid: int) -> None:
    """What a process was doing when it ended, it does no longer; what it has counted stays counted."""
    folder = shared_folder()
    if folder is not None and folder.is_dir():
        multiprocess.mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


def remove() -> None:
    """The server ends, and its files with it."""
    folder = shared_folder()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        _FOLDERS.clear()
