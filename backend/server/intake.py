"""Connections on which something has arrived come in; whole requests go out, read piece by piece without a wait."""

import time
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import Any

from backend.listener import ready
from backend.listener.plain_request import END, LONGEST_HEAD
from backend.server.lane import Lane, Request

_RECORD = 16 * 1024  # the largest piece of TLS
_PIECE = 1024 * 1024
# What is not whole by then waits for a slow caller: a thread does that, within the caller's allowance.
_SECONDS = 1.0
# Bodies that wait for their ends, all together in bytes.
_MOST_HELD = 64 * 1024 * 1024


class Step(Enum):
    """What is to be done with a connection: wait for more of a request, or leave it to a thread."""

    WAIT = "wait"
    LEAVE = "leave"


class _Begun:
    """A request that is on its way: the bytes before the end of its head, then the request."""

    __slots__ = ("early", "request", "since")

    def __init__(self, early: bytes, request: Request | None, since: float) -> None:
        self.early, self.request, self.since = early, request, since

    def received(self) -> bytes:
        return self.early if self.request is None else self.request.received()


class Intake:
    """Holds what came so far of each request; `give_back` leaves that to the server's own parser."""

    def __init__(self, lane: Lane, clock: Callable[[], float] = time.monotonic) -> None:
        self._lane, self._clock = lane, clock
        self._begun: OrderedDict[Any, _Begun] = OrderedDict()  # the one that waits longest first
        self._held = 0

    def read(self, conn: Any) -> Request | Step:
        """The request that is whole by now, and is all that came."""
        begun = self._begun.get(conn)
        request = None if begun is None else begun.request
        try:
            found = self._read_head(conn, begun) if request is None else self._read_body(conn, request)
            if isinstance(found, Step):
                return found
            if found.missing == 0 and not ready.pending(conn.sock):
                if begun is not None or conn in self._begun:
                    self._forget(conn)
                return found
        except OSError:
            return Step.LEAVE  # whatever it is, the thread meets it too
        return self._leave(conn, found)

    def give_back(self, conn: Any, request: Request | None = None) -> None:
        """What was read of the connection is to be read again, by the server's own parser."""
        begun = self._forget(conn)
        data = request.received() if request else begun.received() if begun else b""
        if data:
            conn.parser.unreader.unread(data)

    def late(self) -> list[Any]:
        """The connections that wait for too long; they are to be left to threads."""
        found = []
        until = self._clock() - _SECONDS
        for conn, begun in self._begun.items():
            if begun.since > until:
                break
            found.append(conn)
        return found

    def _read_head(self, conn: Any, begun: _Begun | None) -> Request | Step:
        data = ready.receive(conn.sock, _RECORD)
        early = b"" if begun is None else begun.early
        if data is None:
            return self._wait(conn, early, None)
        whole = early + data if early else data
        if data and END not in whole and len(whole) <= LONGEST_HEAD:
            return self._wait(conn, whole, None)
        request = self._lane.begin(conn, whole) if data else None
        if request is None:
            self._forget(conn)
            conn.parser.unreader.unread(whole)
            return Step.LEAVE
        return self._read_body(conn, request) if request.missing > 0 else request

    def _read_body(self, conn: Any, request: Request) -> Request | Step:
        """As much as has arrived, and no more at once than others can wait for."""
        piece = _RECORD if ready.is_tls(conn.sock) else _PIECE
        read = 0
        while request.missing > 0:
            data = ready.receive(conn.sock, min(piece, request.missing)) if read < _PIECE else None
            if data is None:
                return self._wait(conn, b"", request)
            if not data:
                return self._leave(conn, request)
            request.add(data)
            read += len(data)
        return request

    def _wait(self, conn: Any, early: bytes, request: Request | None) -> Step:
        begun = self._begun.get(conn)
        if begun is None:
            begun = self._begun[conn] = _Begun(early, None, self._clock())
        if request is not None and begun.request is None:
            self._held += request.wanted
        begun.early, begun.request = early, request
        return Step.WAIT if self._held <= _MOST_HELD else Step.LEAVE

    def _leave(self, conn: Any, request: Request) -> Step:
        self.give_back(conn, request)
        return Step.LEAVE

    def _forget(self, conn: Any) -> _Begun | None:
        begun = self._begun.pop(conn, None)
        if begun is not None and begun.request is not None:
            self._held -= begun.request.wanted
        return begun
