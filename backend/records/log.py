"""The log of predictions: an answered request comes in within a microsecond; a thread of its own writes it down.

What was answered more than one flush before a `kill -9` is kept. Where the disk is slower than the callers, the queue fills: then
`SIGNET_RECORDS_WHEN_FULL` says whether records are dropped and counted, or predictions wait.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from itertools import chain

from backend.records.places import segments_folder
from backend.records.record import DROPPED, Record, pieces
from backend.records.segment import Segment
from backend.settings import Settings

_log = logging.getLogger("signet.records")

MOST_WAITING = 100_000  # records, whatever their size
SEGMENT_BYTES, SEGMENT_SECONDS = 16 * 1024 * 1024, 5.0
# How long a prediction waits for room at most, where it is to wait: a disk that is gone must not end the service.
LONGEST_WAIT_SECONDS = 1.0
# For as long as the thread works on so many at once, requests wait for the interpreter; then it rests. To give up the interpreter's lock is not
# enough: where both threads have one processor, it would have it back before anybody else has run.
_AT_ONCE, _REST_SECONDS = 32, 0.001
# So much is written at once at most, and as soon as it waits: the memory of large bodies is used again while the processor's cache still has it.
_BYTES_AT_ONCE = 2 * 1024 * 1024
_BESIDES = 600  # bytes of a record besides its body and answer, generously
_COMPLAINT_SECONDS = 60.0


class RecordLog:
    """Of one process; `keep` may be called from any thread, and keeps nothing before `start`.

    `without_inputs` says of which models only the answers are kept; it is asked once a flush.
    """

    def __init__(self, settings: Settings, without_inputs: Callable[[], Collection[str]] = lambda: ()) -> None:
        self._folder = segments_folder(settings)
        self._is_on, self._waits = settings.records == "on", settings.records_when_full == "slow"
        self._most_bytes = settings.records_queue_mb * 1024 * 1024
        self._largest_body = settings.records_body_kb * 1024
        self._flush_seconds, self._sync_seconds = settings.records_flush_ms / 1000, settings.records_sync_seconds
        self._without_inputs = without_inputs
        self._room, self._writing = threading.Condition(), threading.Lock()
        self._waiting: deque[Record] = deque()
        self._bytes, self._synced_at = 0, time.monotonic()
        self._lost: Counter[str] = Counter()
        self._segment: Segment | None = None
        self._stopping, self._due = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._complained_at = -_COMPLAINT_SECONDS
        self.kept = self.dropped = 0

    @property
    def is_crowded(self) -> bool:
        """Whether to keep a record may take time now, so that no loop that serves others may do it."""
        return self._waits and self._bytes > self._most_bytes // 2

    @property
    def waiting(self) -> int:
        """Records in memory that are not written yet."""
        return len(self._waiting)

    def keep(self, record: Record) -> None:
        """This request was answered."""
        if self._thread is None:
            return
        if len(record.body) > self._largest_body:
            record = _without_input(record)
        size = len(record.body) + len(record.answer) + _BESIDES
        with self._room:
            if not self._has_room(size) and not self._wait_for_room(size):
                self.dropped += 1
                self._lost[record.model] += 1
                return
            self._waiting.append(record)
            self._bytes += size
        if self._bytes > _BYTES_AT_ONCE and not self._due.is_set():
            self._due.set()

    def start(self) -> None:
        """From now on, in a thread of this process (after a fork, not before)."""
        if self._thread is None and self._is_on:
            self._thread = threading.Thread(target=self._run, name="records", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Everything that waits is written; nothing more is kept."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            self._due.set()
            thread.join(timeout=10)
            self.flush()
            with self._writing:
                self._close()

    def flush(self) -> None:
        """Write what waits now."""
        with self._writing:
            try:
                self._write()
                self._end_segment_when_due()
            except OSError as error:
                self._complain(error)

    def _has_room(self, size: int) -> bool:
        return self._bytes + size <= self._most_bytes and len(self._waiting) < MOST_WAITING

    def _wait_for_room(self, size: int) -> bool:
        return self._waits and self._room.wait_for(lambda: self._has_room(size), LONGEST_WAIT_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._due.wait(self._flush_seconds)
            self._due.clear()
            try:
                self.flush()
            except Exception:
                _log.exception("records could not be written")

    def _write(self) -> None:
        """In pieces, so that what was written stays written where the disk ends."""
        bare = frozenset(self._without_inputs()) if self._waiting else frozenset()
        while taken := self._take():
            records = [_without_input(record) if record.model in bare else record for record in taken]
            try:
                self._append(records)
            except OSError:
                self._lose(record.model for record in taken)
                raise
            self.kept += len(taken)
            time.sleep(_REST_SECONDS)
        self._tell_lost()

    def _take(self) -> list[Record]:
        with self._room:
            taken: list[Record] = []
            size = 0
            while self._waiting and len(taken) < _AT_ONCE and size < _BYTES_AT_ONCE:
                taken.append(self._waiting.popleft())
                size += len(taken[-1].body) + len(taken[-1].answer) + _BESIDES
            self._bytes -= size
            self._room.notify_all()
        return taken

    def _append(self, records: Iterable[Record]) -> None:
        if self._segment is None:
            self._segment = Segment(self._folder)
        self._segment.write(*chain.from_iterable(map(pieces, records)))

    def _lose(self, models: Iterable[str]) -> None:
        lost = Counter(models)
        with self._room:
            self._lost.update(lost)
            self.dropped += lost.total()

    def _tell_lost(self) -> None:
        """How many are missing stands in the log itself, for whoever reads it."""
        with self._room:
            lost, self._lost = self._lost, Counter()
        if lost:
            try:
                self._append(_gap(model, count) for model, count in lost.items())
            except OSError:
                with self._room:
                    self._lost.update(lost)
                raise

    def _end_segment_when_due(self) -> None:
        segment, moment = self._segment, time.monotonic()
        if segment is None:
            return
        if segment.size >= SEGMENT_BYTES or moment >= segment.began + SEGMENT_SECONDS:
            self._close()
        elif moment >= self._synced_at + self._sync_seconds:
            self._synced_at = moment
            segment.sync()

    def _close(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            self._synced_at = time.monotonic()
            segment.close()

    def _complain(self, error: OSError) -> None:
        if time.monotonic() >= self._complained_at + _COMPLAINT_SECONDS:
            self._complained_at = time.monotonic()
            _log.error("predictions are answered but not kept: %s", error.strerror)


def _without_input(record: Record) -> Record:
    return record._replace(body=b"", asked_json=0)


def _gap(model: str, count: int) -> Record:
    moment = f"{time.time_ns() // 1_000_000}"
    return Record(moment, model, "", "", DROPPED, "", count, 0, 0, b"", b"")
