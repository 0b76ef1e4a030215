"""The wish to end a process: SIGTERM or SIGINT comes in; one call in an ordinary thread goes out."""

import signal
import socket
import threading
from collections.abc import Callable

_END = (signal.SIGTERM, signal.SIGINT)


def on_end_signal(stop: Callable[[], None]) -> None:
    """Have `stop` called in a thread when the process is told to end.

    A Python signal handler runs in the middle of whatever the main thread does, where to take a lock may be to wait for oneself;
    so the handler does nothing, and the byte that the interpreter writes for each signal wakes a thread that does.
    """
    heard, rung = socket.socketpair()
    rung.setblocking(False)  # noqa: FBT003 - the socket's own interface
    signal.set_wakeup_fd(rung.fileno(), warn_on_full_buffer=False)
    for number in _END:
        signal.signal(number, _nothing)

    def listen() -> None:
        with rung:  # keeps this end open for as long as the thread lives
            while heard.recv(1):
                stop()

    threading.Thread(target=listen, name="signals", daemon=True).start()


def _nothing(_number: int, _frame: object) -> None:
    """Takes the place of the default, which would end the process at once."""
