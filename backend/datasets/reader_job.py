"""The life of the process that reads one file: a socket on which its order comes goes in; the status that it ends with says how it went."""

import errno
import io
import json
import os
import socket
import traceback
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq

from backend.algorithms.encoding import encode_table
from backend.algorithms.signature import Column
from backend.confinement import (
    cap_files,
    cap_memory,
    cap_processor,
    die_with,
    is_out_of_memory,
    leave_no_core,
    let_others_first,
)
from backend.datasets.reader_tasks import TASKS
from backend.datasets.reader_words import (
    CRASHED,
    DESCRIPTORS,
    DISK_FULL,
    DONE,
    LONGEST_ORDER,
    OUT_OF_MEMORY,
    TOO_LARGE,
    Ending,
    Order,
)
from backend.protocols.parquet_table import parse_parquet

_NO_SPACE = {errno.EFBIG: TOO_LARGE, errno.ENOSPC: DISK_FULL}
_REHEARSED = (Column("number", "number"), Column("word", "category", ("a", "b")))


def _body() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"number": [0.5, 1.5], "word": ["a", "b"]}), sink)
    return sink.getvalue()


_BODY = _body()


def live(parent: int, orders: socket.socket) -> None:
    """Get ready, wait for the order, do it and end; nothing runs that was left for the end of its parent."""
    status = CRASHED
    try:
        os.setpgid(0, 0)
        die_with(parent)
        _rehearse()
        said, places, _, _ = socket.recv_fds(orders, LONGEST_ORDER, DESCRIPTORS)
        if said:
            wish, answer, words, told = places
            for output in (1, 2):
                os.dup2(words, output)
            status = _work(Order(**json.loads(said)), wish, answer)
            if status == DONE:  # at once: to give back the memory of a process takes longer than to read a small file
                os.write(told, Ending(DONE, overdue=False).written())
    finally:
        os._exit(status)


def _rehearse() -> None:
    """Read a small table of our own: most of what a small file takes is memory of the parent that is copied at the first touch."""
    names = frozenset(column.name for column in _REHEARSED)
    encode_table(_REHEARSED, parse_parquet(_BODY, names, max_rows=2, limit=2**20))


def _work(order: Order, wish: int, answer: int) -> int:
    """Do what is ordered within its bounds; how it went."""
    let_others_first(order.nice)
    leave_no_core()
    cap_memory(order.memory_mb)
    cap_processor(int(order.seconds) + 1)
    cap_files(order.file_mb)
    try:
        TASKS[order.task](wish, answer)
    except BaseException as error:  # whatever a library raises, one written in Rust too
        with suppress(OSError):
            traceback.print_exc()
        return _status(error)
    return DONE


def _status(error: BaseException) -> int:
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return _NO_SPACE[error.errno]
    return OUT_OF_MEMORY if isinstance(error, MemoryError) or is_out_of_memory(str(error)) else CRASHED
