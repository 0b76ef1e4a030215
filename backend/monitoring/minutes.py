"""The sums of one process on their way into the database: minute by minute, whole each time, so that nothing is counted twice."""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine, delete, text
from sqlalchemy.exc import SQLAlchemyError

from backend.monitoring.tables import KEY, LATENCY, SUMS, traffic
from backend.monitoring.traffic import Series, Sums

_log = logging.getLogger(__name__)

SECONDS = 60
# While the database is away, sums wait in memory; no longer than this, so that they cannot fill it.
_MOST_MINUTES = 60

_HOUR, _DAY, _FINE_DAYS = 60, 24 * 60, 2
# The name under which hours stand in the table, whoever counted their minutes.
HOURLY = "hour"
_LOCK = 0x7E1E0001

_COLUMNS = (*KEY, *SUMS)
_SAME = ", ".join(KEY[1:-1])
# Both databases know these words.
_WRITE = text(
    f"INSERT INTO traffic ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)}) "  # noqa: S608 - our names
    f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in SUMS)}"
)
# Under one lock, and followed by the removal of what it read: no minute is folded twice.
_FOLD = text(
    f"INSERT INTO traffic ({', '.join(_COLUMNS)}) "  # noqa: S608 - our names
    f"SELECT minute / {_HOUR} * {_HOUR}, {_SAME}, '{HOURLY}', {', '.join(f'SUM({name})' for name in SUMS)} FROM traffic "
    f"WHERE minute < :limit AND writer <> '{HOURLY}' GROUP BY minute / {_HOUR} * {_HOUR}, {_SAME} "
    f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {', '.join(f'{name} = traffic.{name} + excluded.{name}' for name in SUMS)}"
)


@dataclass
class _Minute:
    """The sums of a minute, and the name under which they are written."""

    writer: str = field(default_factory=lambda: secrets.token_hex(8))
    sums: dict[Series, Sums] = field(default_factory=dict)


class Minutes:
    """What this process has counted and not yet seen safe in the database; shared by threads."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine, self._clock = engine, clock
        self._lock, self._flushing = threading.Lock(), threading.Lock()
        self._minutes: dict[int, _Minute] = {}
        self._changed: set[int] = set()

    def add(self, taken: Mapping[Series, Sums]) -> None:
        """Count these sums in the minute of this moment."""
        if not taken:
            return
        minute = int(self._clock()) // SECONDS
        with self._lock:
            kept = self._minutes.setdefault(minute, _Minute())
            for series, more in taken.items():
                kept.sums.setdefault(series._replace(status=series.status // 100), Sums()).add(more)
            self._changed.add(minute)
            while len(self._minutes) > _MOST_MINUTES:
                lost = min(self._minutes)
                self._changed.discard(lost)
                del self._minutes[lost]
                _log.warning("the sums of a minute are lost: the database was away for too long")

    def flush(self) -> None:
        """Write what changed; where the database does not answer, it stays for the next time."""
        with self._flushing:  # or an older sum could be written over a newer one
            with self._lock:
                changed, self._changed = self._changed, set()
                rows = [row for minute in changed for row in self._rows(minute)]
            if not rows:
                return
            try:
                with self._engine.begin() as connection:
                    connection.execute(_WRITE, rows)
            except SQLAlchemyError as error:
                _log.warning("the sums of predictions wait: the database does not answer: %s", error)
                with self._lock:
                    self._changed |= changed & self._minutes.keys()
            else:
                self._forget_past()

    def tidy(self, days: int) -> None:
        """Remove what is older than that, and fold what is older than two days into hours, whoever wrote it."""
        current = int(self._clock()) // SECONDS
        limit = (current - _FINE_DAYS * _DAY) // _HOUR * _HOUR
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            connection.execute(delete(traffic).where(traffic.c.minute < current - days * _DAY))
            connection.execute(_FOLD, {"limit": limit})
            connection.execute(delete(traffic).where(traffic.c.minute < limit, traffic.c.writer != HOURLY))

    def _rows(self, minute: int) -> list[dict[str, object]]:
        kept = self._minutes[minute]
        return [
            {
                **dict(zip(KEY, (minute, *series, kept.writer), strict=True)),
                **dict(zip(LATENCY, sums.latency, strict=True)),
                "requests": sums.count,
                "rows": sums.rows,
                "seconds": sums.seconds,
            }
            for series, sums in kept.sums.items()
        ]

    def _forget_past(self) -> None:
        """What is over and written need not be kept; should a clock be put back, that minute begins anew as another writer's."""
        current = int(self._clock()) // SECONDS
        with self._lock:
            for minute in [minute for minute in self._minutes if minute < current and minute not in self._changed]:
                del self._minutes[minute]
