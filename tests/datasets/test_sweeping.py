"""What is swept, what is not, and that several processes may sweep and work at once."""

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from backend.database import db
from backend.datasets import sweeping
from backend.datasets.contents import dataset_path
from backend.datasets.private_files import whole_file
from backend.datasets.store import create_dataset
from backend.datasets.sweeping import sweep
from backend.datasets.tables import Dataset
from backend.datasets.uploads import received
from backend.settings import REPOSITORY, Settings

pytestmark = pytest.mark.usefixtures("app")


def _dataset(settings: Settings) -> Dataset:
    dataset = create_dataset(settings, "ada", "bugs", io.BytesIO(b"a,b\n1,2\n"), "bugs.csv")
    db.session.commit()
    return dataset


def _aged(path: Path, seconds: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    moment = time.time() - seconds
    os.utime(path, (moment, moment))
    os.utime(path.parent, (moment, moment))
    return path


def test_sweeping_removes_old_files_that_no_row_stands_for(settings: Settings) -> None:
    kept = _dataset(settings)
    db.session.commit()
    path = dataset_path(settings, kept)
    os.utime(path, (0, 0))
    old = [
        _aged(settings.data / "uploads" / "dead" / "upload", 4000),
        _aged(settings.data / "datasets" / "orphan.parquet", 4000),
        _aged(settings.data / "datasets" / ".cut.parquet.part", 4000),
    ]
    young = [
        _aged(settings.data / "uploads" / "alive" / "upload", 3000),
        _aged(settings.data / "datasets" / "fresh.parquet", 3000),
    ]
    assert sweep(settings) == 3
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in (*young, path))
    assert sweep(settings) == 0


def test_sweeping_before_anything_was_uploaded(settings: Settings) -> None:
    assert sweep(settings) == 0


def _age(path: Path) -> None:
    for each in (path, path.parent):
        os.utime(each, (0, 0))


def test_what_somebody_works_at_is_not_swept_however_long_it_takes(settings: Settings) -> None:
    """A stalled upload, or rows that a command scores for hours, while another process starts."""
    with received(io.BytesIO(b"a,b\n1,2\n"), settings.data / "uploads", 100) as upload:
        _age(upload.path)
        assert sweep(settings) == 0
        assert upload.path.read_bytes() == b"a,b\n1,2\n"
    target = settings.data / "datasets" / "new.parquet"
    with whole_file(target) as part:
        part.write_bytes(b"rows")
        _age(part)
        assert sweep(settings) == 0
    assert target.read_bytes() == b"rows"


def test_what_a_process_that_was_killed_worked_at_is_swept(settings: Settings) -> None:
    source = (
        "import io, sys; from pathlib import Path; from backend.datasets.uploads import received\n"
        "with received(io.BytesIO(b'a'), Path(sys.argv[1]), 100) as upload:\n"
        "    print(upload.path, flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", source, str(settings.data / "uploads")]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        path = Path(other.stdout.readline().strip())
        _age(path)
        assert sweep(settings) == 0
        other.kill()
    assert sweep(settings) == 1
    assert not path.parent.exists()


def test_an_upload_that_ends_while_it_is_looked_at_is_no_fault(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _aged(settings.data / "uploads" / "ending" / "upload", 4000)
    entries = sweeping._entries

    def ended(folder: Path):  # type: ignore[no-untyped-def]
        found = list(entries(folder))
        path.unlink(missing_ok=True)
        if path.parent.exists():
            path.parent.rmdir()
        return iter(found)

    monkeypatch.setattr(sweeping, "_entries", ended)
    assert sweep(settings) == 0


def test_processes_that_start_together_sweep_each_thing_once(settings: Settings) -> None:
    for number in range(200):
        _aged(settings.data / "uploads" / f"dead-{number}" / "upload", 4000)
    together, removed = threading.Barrier(4), []

    def start() -> None:
        together.wait()
        left = [
            path
            for path in sweeping._entries(settings.data / "uploads")
            if sweeping._touched(path) < time.time() - 3600
        ]
        removed.append(sum(sweeping._remove(path) for path in left))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(removed), sum(removed)) == (4, 200)
    assert list((settings.data / "uploads").iterdir()) == []


def test_an_empty_database_costs_nobody_their_data(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody names another database by mistake, or forgets to bring theirs back."""
    files = [_aged(settings.data / "datasets" / f"{number}.parquet", 4000) for number in range(3)]
    assert sweep(settings) == 0
    assert all(path.exists() for path in files)
    assert "3 files" in caplog.text
