"""Connections that were answered come in and wait; the one that has waited longest is the first to go."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any


class Idle:
    """Connections that wait for their next request, the one that waits longest first: what gunicorn does with a deque, and `touch`."""

    def __init__(self) -> None:
        self._connections: OrderedDict[Any, None] = OrderedDict()

    def append(self, conn: Any) -> None:
        self._connections[conn] = None

    def remove(self, conn: Any) -> None:
        del self._connections[conn]

    def popleft(self) -> Any:
        return self._connections.popitem(last=False)[0]

    def touch(self, conn: Any) -> None:
        """It has just been answered."""
        self._connections.move_to_end(conn)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._connections)

    def __len__(self) -> int:
        return len(self._connections)

    def __getitem__(self, place: int) -> Any:
        if place != 0:
            raise IndexError(place)
        return next(iter(self._connections))
