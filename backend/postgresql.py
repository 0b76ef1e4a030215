"""Connections to PostgreSQL whose every wait has an end: a server that is away, stands still or is cut off is told as an error.

Without it, a server that is stopped but not gone would hold each thread that asks it for ever: its own limits stand still with it.
"""

import threading
import time
from typing import Any

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import ConnectionPoolEntry

# How long a new connection may take, and the question whether one that rested is still there.
_CONNECT_SECONDS, _PING_SECONDS = 5, 3.0
# What the server itself did not end in its time is waited for a little longer, so that the reason is its own.
_GRACE_SECONDS = 1.0
# While the server is away, one thread at a time tries it, this often; the others are told so at once.
_PAUSE_SECONDS = 0.5
# A transaction whose process fell silent lets go of what it holds.
_IDLE_SECONDS = 60


class PatientConnection(psycopg.Connection[Any]):
    """A connection that waits for an answer for so long, and is closed where none comes: what was asked may have been done."""

    patience = _CONNECT_SECONDS + _GRACE_SECONDS

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As the driver's own, with an end."""
        # Only the pool's question whether the server is there is asked outside a transaction, and it is answered in a moment.
        patience = _PING_SECONDS if self.autocommit else self.patience
        try:
            return super().wait(gen, interval, patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()  # nobody reads the answer any more, should it come
            raise


class Door:
    """Makes the connections of one engine; while the server is away nobody waits in vain for what another one is waiting for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._trying = threading.Lock()
        self._away_until: float | None = None

    def connect(self, _dialect: Dialect, _record: ConnectionPoolEntry, words: Any, named: dict[str, Any]) -> Any:
        """A connection; psycopg.OperationalError where the server is away."""
        if self._away_until is None:
            return self._connect(words, named)
        if time.monotonic() < self._away_until or not self._trying.acquire(blocking=False):
            raise psycopg.OperationalError("the server did not answer a moment ago")
        try:
            return self._connect(words, named)
        finally:
            self._trying.release()

    def _connect(self, words: Any, named: dict[str, Any]) -> PatientConnection:
        try:
            made = PatientConnection.connect(*words, **{"connect_timeout": _CONNECT_SECONDS, **named})
        except psycopg.OperationalError:
            self._away_until = time.monotonic() + _PAUSE_SECONDS
            raise
        self._away_until = None
        self._bound(made)
        return made

    def _bound(self, connection: PatientConnection) -> None:
        """The server's own ends of waits, which name the reason and leave the connection whole."""
        connection.patience = self._seconds + _GRACE_SECONDS
        with connection.cursor() as cursor:
            for name, seconds in (
                ("statement_timeout", self._seconds),
                ("idle_in_transaction_session_timeout", _IDLE_SECONDS),
            ):
                cursor.execute("SELECT set_config(%s, %s, false)", (name, str(int(seconds * 1000))))
        connection.commit()


def bound_waits(engine: Engine, seconds: float) -> None:
    """From now on a statement of this engine takes `seconds` at most, its waits for locks included."""
    event.listen(engine, "do_connect", Door(seconds).connect)
