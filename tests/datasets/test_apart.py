"""The reader as a process: its bounds, its deadline, its death and that of who asks it; nothing and nobody is left behind."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from flask import Flask

from backend.datasets import store
from backend.datasets.apart import Unread, Why, read_apart
from backend.datasets.reader_words import Order
from backend.errors import DatasetUnreadable, NotReady, TooLarge
from backend.settings import REPOSITORY, Settings

LONG = 60.0


def order(seconds: float = LONG) -> Order:
    return Order("ingest", 512, 64, seconds)


def wish_for(path: Path) -> dict[str, object]:
    target = path.with_name(f"{path.name}.made")
    return {"path": str(path), "filename": "x.csv", "options": {}, "target": str(target), "most_columns": 9}


@pytest.fixture
def endless(tmp_path: Path) -> dict[str, object]:
    """The wish for a file that never ends: to read it takes no processor, only time."""
    os.mkfifo(tmp_path / "endless")
    return wish_for(tmp_path / "endless")


@pytest.fixture
def finished(tmp_path: Path) -> dict[str, object]:
    """The wish for a small file."""
    (tmp_path / "small").write_text("a,b\n1,2\n3,4\n")
    return wish_for(tmp_path / "small")


def until(what: Callable[[], object], seconds: float = 30) -> object:
    """What it gives once it gives something."""
    ends = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.01)
    return found


def readers(of: int | None = None) -> list[psutil.Process]:
    """The readers of a process, this one where none is named."""
    children = psutil.Process(of).children()
    return [each for each in children if "backend.datasets.reader" in _command(each)]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def jobs() -> list[psutil.Process]:
    """What the readers of this process have forked and given an order to: then it is bounded."""
    return [job for reader in readers() for job in reader.children() if _is_at_work(job)]


def _is_at_work(process: psutil.Process) -> bool:
    try:
        return _bounds(process)["Max file size"][0] != "unlimited"  # the last to be set
    except FileNotFoundError:
        return False


def _bounds(process: psutil.Process) -> dict[str, list[str]]:
    lines = (Path("/proc") / str(process.pid) / "limits").read_text().splitlines()[1:]
    return {line[:25].strip(): line[25:].split()[:2] for line in lines}


@contextmanager
def begun(wish: dict[str, object], seconds: float = LONG) -> Iterator[tuple[psutil.Process, Future[object]]]:
    """A file that is being read, and what will come of it."""
    with ThreadPoolExecutor(1) as pool:
        until(lambda: not jobs())  # one that has answered may still be giving back its memory
        future: Future[object] = pool.submit(read_apart, order(seconds), wish)
        (job,) = until(jobs)  # type: ignore[misc]
        yield job, future


def test_it_is_killed_at_its_deadline(endless: dict[str, object], finished: dict[str, object]) -> None:
    read_apart(order(), finished)
    began = time.monotonic()
    with pytest.raises(Unread) as unread:
        read_apart(order(0.2), endless)
    assert unread.value.why is Why.TIME
    assert 0.2 < time.monotonic() - began < 30
    Path(str(finished["target"])).unlink()
    assert jobs() == []
    assert read_apart(order(), finished).said["rows"] == 2


def test_one_that_is_killed_leaves_nothing(endless: dict[str, object], finished: dict[str, object]) -> None:
    with begun(endless) as (job, future):
        job.send_signal(signal.SIGKILL)
        with pytest.raises(Unread, match="status -9"):
            future.result(LONG)
    assert jobs() == []
    assert not Path(str(endless["target"])).exists()
    family = [each for reader in readers() for each in (reader, *reader.children())]
    assert psutil.STATUS_ZOMBIE not in [each.status() for each in family]
    assert read_apart(order(), finished).said["rows"] == 2


def test_a_reader_that_is_killed_takes_its_file_along_and_is_replaced(
    endless: dict[str, object], finished: dict[str, object]
) -> None:
    with begun(endless) as (job, future):
        (reader,) = readers()
        reader.send_signal(signal.SIGKILL)
        with pytest.raises(NotReady, match="interrupted"):
            future.result(LONG)
    until(lambda: not job.is_running() or job.status() == psutil.STATUS_ZOMBIE)
    assert read_apart(order(), finished).said["rows"] == 2
    assert [each.pid for each in readers()] != [reader.pid]
    assert len(readers()) == 1


def test_one_that_waits_ready_may_be_killed_too(finished: dict[str, object]) -> None:
    read_apart(order(), finished)
    (reader,) = readers()
    until(lambda: len(reader.children()) == 1)  # the one that read is gone
    (spare,) = reader.children()
    spare.kill()
    until(lambda: [each for each in reader.children() if each.pid != spare.pid])
    assert read_apart(order(), finished).said["rows"] == 2
    assert readers() == [reader]


def test_it_is_bounded(endless: dict[str, object]) -> None:
    with begun(endless, 20) as (job, future):
        bounds, group, niceness = _bounds(job), os.getpgid(job.pid), job.nice()
        job.kill()
        with pytest.raises(Unread):
            future.result(LONG)
    assert bounds["Max data size"] == [str(512 * 2**20)] * 2
    assert bounds["Max file size"] == [str(64 * 2**20)] * 2
    assert bounds["Max cpu time"] == ["21"] * 2
    assert bounds["Max core file size"] == ["0"] * 2
    assert group == job.pid
    assert niceness == os.nice(0)


def test_it_knows_nothing_of_the_platform(finished: dict[str, object]) -> None:
    read_apart(order(), finished)
    (reader,) = readers()
    known = set(reader.environ())
    assert not [name for name in known if name.startswith("SIGNET_")]
    fixed = {
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "ARROW_DEFAULT_MEMORY_POOL",
        "MALLOC_ARENA_MAX",
        "MALLOC_MMAP_THRESHOLD_",
    }
    assert known - fixed <= {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH"}


def test_further_files_wait_for_their_turn(endless: dict[str, object], finished: dict[str, object]) -> None:
    with begun(endless) as (job, future):
        with pytest.raises(NotReady, match="Too many files"):
            read_apart(order(0.1), finished)
        assert read_apart(order(), finished, at_once=2).said["rows"] == 2
        job.kill()
        with pytest.raises(Unread):
            future.result(LONG)


def test_many_threads_at_once(finished: dict[str, object], tmp_path: Path) -> None:
    wishes = [finished | {"target": str(tmp_path / f"made-{number}")} for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda wish: read_apart(order(), wish, at_once=6).said["rows"], wishes))
    assert made == [2] * 12
    assert len(readers()) == 1
    until(lambda: not jobs())


def test_it_ends_with_who_asked(tmp_path: Path) -> None:
    """Killed outright in the middle of a file: neither the reader nor what it has forked goes on."""
    os.mkfifo(tmp_path / "endless")
    program = (
        "from backend.datasets.apart import read_apart; from backend.datasets.reader_words import Order; "
        "wish = {'path': 'endless', 'filename': 'x.csv', 'options': {}, 'target': 'made', 'most_columns': 9}; "
        f"wish['path'] = {str(tmp_path / 'endless')!r}; "
        "read_apart(Order('ingest', 512, 64, 60.0), wish)"
    )
    asking = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY)
    try:
        (reader,) = until(lambda: readers(asking.pid))  # type: ignore[misc]
        (job,) = until(lambda: [each for each in reader.children() if _is_at_work(each)])  # type: ignore[misc]
    finally:
        asking.kill()
        asking.wait()
    until(lambda: not any(map(_lives, (reader, job))))


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def large() -> bytes:
    """A table that takes seconds to read."""
    return b"a,b,c,d\n" + b"".join(b"%d,0.%d,word,2024-05-31\n" % (row, row) for row in range(600_000))


def _left(settings: Settings) -> list[Path]:
    return [path for folder in ("uploads", "datasets") for path in (settings.data / folder).rglob("*")]


def test_an_upload_that_takes_too_long(app: Flask, settings: Settings) -> None:
    hasty = settings.model_copy(update={"upload_seconds": 0.2})
    with pytest.raises(TooLarge, match=r"could not be read as CSV: to read it takes longer than 0\.2 seconds"):
        store.create_dataset(hasty, "eve", "x", io.BytesIO(large()), "x.csv")
    assert _left(settings) == []
    assert jobs() == []


def test_an_upload_whose_reading_is_killed(app: Flask, settings: Settings) -> None:
    def kill() -> None:
        until(jobs)[0].kill()  # type: ignore[index]

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(DatasetUnreadable, match="could not be read as CSV: it is damaged"):
        store.create_dataset(settings, "eve", "x", io.BytesIO(large()), "x.csv")
    killer.join()
    assert _left(settings) == []
    assert store.list_datasets() == []


def test_a_file_that_becomes_larger_than_one_may_be(tmp_path: Path) -> None:
    """A text that is written anew in UTF-8 on the way."""
    (tmp_path / "wide").write_bytes("a,b\n".encode("utf-16") + "word,word\n".encode("utf-16-le") * 200_000)
    with pytest.raises(Unread) as unread:
        read_apart(replace(order(), file_mb=1), wish_for(tmp_path / "wide"))
    assert unread.value.why is Why.SPACE
    (tmp_path / "text-utf-16").unlink()
    assert read_apart(order(), wish_for(tmp_path / "wide")).said["rows"] == 200_000
