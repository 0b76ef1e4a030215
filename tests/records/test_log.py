"""The log of predictions: what was answered is written down in time, whatever happens to the process."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.records import log as log_module
from backend.records.log import RecordLog
from backend.records.places import segments_folder
from backend.records.record import DROPPED, Record, decode, encode, pieces
from backend.records.segment import Segment, take
from backend.serving.prediction_ids import PredictionIds, version_tag
from backend.settings import REPOSITORY, Settings

IDS = PredictionIds(b"k")
TEXT = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20)
RECORDS = st.builds(
    Record, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, st.integers(0, 2**32 - 1), st.integers(0, 2**31), st.integers(0, 2**31),
    st.binary(max_size=200), st.binary(max_size=200),
)  # fmt: skip


def record(model: str = "iris", body: bytes = b'{"features":[1,2,3,4]}') -> Record:
    identifier = IDS.make("person:ada", version_tag(model, "1"))
    return Record(
        identifier, model, "1", "person:ada", "native", "application/json", 900, 0, 0, body, b'{"prediction":1}'
    )


def read(folder: Path) -> list[Record]:
    """Everything that was written, whoever has it open."""
    return [found for path in sorted(folder.glob("*")) for found in decode(path.read_bytes())]


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def quick(settings: Settings) -> Settings:
    return settings.model_copy(update={"records_flush_ms": 20, "records_queue_mb": 1})


@pytest.fixture
def log(quick: Settings) -> Iterator[RecordLog]:
    made = RecordLog(quick)
    made.start()
    yield made
    made.stop()


@given(st.lists(RECORDS, max_size=6), st.integers(0, 3000))
def test_what_is_read_is_what_was_written_up_to_a_torn_end(records: list[Record], cut: int) -> None:
    framed = [encode(one) for one in records]
    content = b"".join(framed)
    assert list(decode(content)) == records
    whole, place = 0, 0
    for one in framed:
        place += len(one)
        whole += place <= cut
    assert list(decode(content[:cut])) == records[:whole]


@given(st.lists(RECORDS, min_size=1, max_size=4), st.data())
def test_a_changed_byte_ends_the_reading_and_invents_nothing(records: list[Record], data: st.DataObject) -> None:
    content = bytearray(b"".join(map(encode, records)))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    found = list(decode(bytes(content)))
    assert len(found) < len(records)
    assert found == records[: len(found)]


@given(st.binary(max_size=400))
def test_any_bytes_can_be_read(content: bytes) -> None:
    assert list(decode(content)) == []


def test_what_is_answered_is_written_within_a_flush(log: RecordLog, quick: Settings) -> None:
    given = [record() for _ in range(300)]
    for one in given:
        log.keep(one)
    wait_for(lambda: log.kept == 300)
    assert read(segments_folder(quick)) == given
    assert log.waiting == log.dropped == 0
    (path,) = segments_folder(quick).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert take(path) is None, "while it is written to, nobody else takes it"
    log.stop()
    assert list(decode(take(path) or b"")) == given


def test_nothing_is_kept_before_the_start_nor_where_it_is_off(quick: Settings) -> None:
    off = RecordLog(quick.model_copy(update={"records": "off"}))
    off.start()
    for each in (off, RecordLog(quick)):
        each.keep(record())
        each.flush()
        assert each.kept == each.waiting == 0
    assert not segments_folder(quick).exists()


def test_a_model_may_keep_its_inputs_to_itself(quick: Settings) -> None:
    log = RecordLog(quick, lambda: {"secret"})
    log.start()
    log.keep(record("secret", b"who is ill"))
    log.keep(record("iris"))
    log.stop()
    assert [(one.model, one.body) for one in read(segments_folder(quick))] == [("secret", b""), ("iris", record().body)]
    assert not any(b"who is ill" in path.read_bytes() for path in segments_folder(quick).iterdir())


def _hold(log: RecordLog, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The disk stands still until the event is set."""
    go_on, append = threading.Event(), log._append

    def held(content: bytes) -> None:
        go_on.wait(20)
        append(content)

    monkeypatch.setattr(log, "_append", held)
    return go_on


def test_a_full_queue_drops_counts_and_says_so_in_the_log(
    log: RecordLog, quick: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = _hold(log, monkeypatch)
    for _ in range(40):
        log.keep(record(body=bytes(50_000)))
    assert log.dropped > 0
    go_on.set()
    wait_for(lambda: log.kept + log.dropped == 40)
    log.stop()
    written = read(segments_folder(quick))
    gaps = [one for one in written if one.protocol == DROPPED]
    assert sum(one.latency_us for one in gaps) == log.dropped
    assert len(written) - len(gaps) == log.kept


def test_or_slows_the_callers_down_and_loses_nothing(quick: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "LONGEST_WAIT_SECONDS", 20.0)
    log = RecordLog(quick.model_copy(update={"records_when_full": "slow"}))
    log.start()
    go_on = _hold(log, monkeypatch)
    caller = threading.Thread(target=lambda: [log.keep(record(body=bytes(50_000))) for _ in range(60)])
    caller.start()
    wait_for(lambda: log.is_crowded)
    go_on.set()
    caller.join(20)
    log.stop()
    assert (log.kept, log.dropped) == (60, 0)


def test_a_disk_that_takes_nothing_ends_no_service_and_is_told(
    quick: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = RecordLog(quick)
    log.start()
    segments_folder(quick).parent.parent.mkdir(parents=True, exist_ok=True)
    segments_folder(quick).parent.write_text("a file where the folder should be")
    log.keep(record())
    wait_for(lambda: log.dropped == 1)
    segments_folder(quick).parent.unlink()
    log.keep(record())
    wait_for(lambda: log.kept == 1)
    log.stop()
    assert "are answered but not kept" in caplog.text
    assert [one.latency_us for one in read(segments_folder(quick)) if one.protocol == DROPPED] == [1]


def test_what_a_full_disk_cut_short_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment, writev = Segment(tmp_path / "s"), os.writev
    segment.write(encode(record()))

    def full(*_: object) -> int:
        raise OSError(28, "full")

    monkeypatch.setattr(os, "writev", lambda descriptor, pieces: writev(descriptor, [pieces[0][:10]]))
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="full"):
        segment.write(*pieces(record()))
    monkeypatch.undo()
    assert segment.path.stat().st_size == segment.size
    segment.write(encode(record()))
    segment.close()
    assert len(list(decode(segment.path.read_bytes()))) == 2


def test_what_the_kernel_does_not_take_at_once_is_written_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment, writev = Segment(tmp_path / "s"), os.writev
    monkeypatch.setattr(os, "writev", lambda descriptor, pieces: writev(descriptor, [pieces[0][:10]]))
    given = [record(body=bytes(100)) for _ in range(700)]
    segment.write(*(piece for one in given for piece in pieces(one)))
    segment.close()
    assert list(decode(segment.path.read_bytes())) == given
    assert segment.path.stat().st_size == segment.size


def test_of_a_large_body_only_the_answer_is_kept(settings: Settings) -> None:
    log = RecordLog(settings.model_copy(update={"records_body_kb": 1}))
    log.start()
    log.keep(record(body=bytes(1025))._replace(asked_json=3))
    log.keep(record(body=bytes(1024)))
    log.stop()
    assert [(len(one.body), one.asked_json, one.answer) for one in read(segments_folder(settings))] == [
        (0, 0, b'{"prediction":1}'), (1024, 0, b'{"prediction":1}')
    ]  # fmt: skip


def test_much_is_written_before_its_time(settings: Settings) -> None:
    log = RecordLog(settings.model_copy(update={"records_flush_ms": 10_000, "records_body_kb": 4096}))
    log.start()
    log.keep(record(body=bytes(3_000_000)))
    wait_for(lambda: log.kept == 1, 5)
    log.stop()


_CHILD = """
import sys, time
from pathlib import Path
from backend.records.log import RecordLog
from backend.settings import Settings
from tests.records.test_log import record
log = RecordLog(Settings(home=Path(sys.argv[1]), records_flush_ms=100))
log.start()
while True:
    one = record()
    log.keep(one)
    print(time.time(), one.id, flush=True)
    time.sleep(0.0005)
"""


def test_kill_9_loses_nothing_older_than_a_flush(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(800)]
    killed_at = time.time()
    process.send_signal(signal.SIGKILL)
    told += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    # One interval of the flush, and as much again for a machine that is busy with other tests.
    answered = {line.split()[1] for line in told if line.endswith("\n") and float(line.split()[0]) < killed_at - 0.2}
    (path,) = segments_folder(Settings(home=tmp_path)).iterdir()
    kept = {one.id for one in decode(take(path) or b"")}
    assert len(answered) > 100
    assert answered <= kept
