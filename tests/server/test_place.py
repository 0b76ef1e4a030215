"""The sockets of several APIs in one folder."""

import os
import socket
import time
from pathlib import Path

from backend.server import place


def _made(path: Path, *, seconds_ago: float) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen(1)
    os.utime(path, (time.time() - seconds_ago,) * 2)
    return made


def test_a_path_is_itself(tmp_path: Path) -> None:
    assert place.choose(tmp_path / "api.sock") == tmp_path / "api.sock"


def test_each_has_a_name_of_its_own_in_a_folder(tmp_path: Path) -> None:
    first, second = place.choose(tmp_path), place.choose(tmp_path)
    assert first != second
    assert {first.parent, second.parent} == {tmp_path}
    assert {first.suffix, second.suffix} == {".sock"}


def test_sockets_of_apis_that_were_killed_are_removed_and_no_others(tmp_path: Path) -> None:
    gone, busy, alive, young = (tmp_path / f"{name}.sock" for name in ("gone", "busy", "alive", "young"))
    (tmp_path / "note").touch()
    _made(gone, seconds_ago=60).close()
    _made(young, seconds_ago=0).close()
    with _made(alive, seconds_ago=60), _made(busy, seconds_ago=60):
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(8)]
        for each in waiting:
            each.settimeout(0.05)
            try:
                each.connect(str(busy))
            except (TimeoutError, BlockingIOError):
                break
        place.choose(tmp_path)
        for each in waiting:
            each.close()
    assert {path.name for path in tmp_path.iterdir()} == {"note", "young.sock", "busy.sock", "alive.sock"}
