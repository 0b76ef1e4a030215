"""Where the processes of one API server keep their metrics, so that any of them can tell those of all."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from prometheus_client import multiprocess, values

from backend.settings import Settings

_FOLDERS: list[Path] = []
_LOCKS: list[int] = []


def share(settings: Settings) -> Path:
    """From now on the metrics of this process, and of those that it forks, are kept in files.

    The folder is this server's own: several servers may share a home, in containers that do not see each other's processes. What servers
    that are gone have left is removed.
    """
    every = settings.data / "metrics"
    every.mkdir(mode=0o700, parents=True, exist_ok=True)
    one_by_one = _held(every, fcntl.LOCK_EX)
    try:
        for left in every.iterdir():
            _remove_unless_held(left)
        folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=every))
        # Until this process and all that it forks have ended, however they end.
        _LOCKS[:] = [_held(folder, fcntl.LOCK_SH)]
    finally:
        os.close(one_by_one)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # noqa: TID251 - the library reads it nowhere else
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
    _FOLDERS[:] = [folder]
    return folder


def _held(folder: Path, kind: int) -> int:
    """A lock on a folder, which the kernel gives back when the last copy of the descriptor is closed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _remove_unless_held(left: Path) -> None:
    try:
        descriptor = _held(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    shutil.rmtree(left, ignore_errors=True)
    os.close(descriptor)


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
        while _LOCKS:
            os.close(_LOCKS.pop())
