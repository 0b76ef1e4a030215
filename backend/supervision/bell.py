"""A bell that signals ring, so that a loop which waits for input hears them at once."""

import signal
import socket


class Bell:
    """A channel in the library's own form; Python writes to it whenever a signal arrives."""

    def __init__(self) -> None:
        self._heard, self._rung = socket.socketpair()
        for end in (self._heard, self._rung):
            end.settimeout(0)
        signal.set_wakeup_fd(self._rung.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        return self._heard.fileno()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        self._heard.recv(4096)

    def handle_error(self) -> None:
        """Nothing to do: the bell only wakes."""
