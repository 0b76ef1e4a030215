"""The access log: one line a request, as text for people or as JSON for programs, and nothing of any body in it."""

import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, TextIO

import orjson

from backend.identity.principal import Principal
from backend.logs import TIME
from backend.monitoring.telling import Exchange

LogFormat = Literal["text", "json"]

# A pipe takes this much at once, unmixed with what another process writes (PIPE_BUF).
_WHOLE = 4096


class AccessLog:
    """Writes lines to standard error, where the rest of the log goes, unless another stream is given."""

    def __init__(self, form: LogFormat, stream: TextIO | None = None) -> None:
        self._line: Callable[[Exchange], str] = as_json if form == "json" else as_text
        self._stream = stream

    def write(self, exchanges: Sequence[Exchange]) -> None:
        """A line each."""
        stream, chunk, size = self._stream or sys.stderr, [""], 0
        for line in map(self._line, exchanges):
            if size + len(line) > _WHOLE:
                stream.write("".join(chunk))
                chunk, size = [], 0
            chunk.append(line)
            size += len(line)
        stream.write("".join(chunk))
        stream.flush()


def as_json(exchange: Exchange) -> str:
    """An object; what is not known is left out."""
    trace, caller = exchange.trace, exchange.caller
    line = {
        "time": _moment(exchange.at),
        "level": "info",
        "logger": "signet.access",
        "request_id": exchange.request_id,
        "trace_id": f"{trace.trace_id:032x}",
        "span_id": f"{trace.span_id:016x}",
        "method": exchange.method,
        "route": exchange.route,
        "status": exchange.status,
        "seconds": round(exchange.seconds, 6),
        "caller_kind": caller.kind if caller else None,
        "caller": caller.id if caller else None,
        "model": exchange.model or None,
        "version": exchange.version or None,
        "received": exchange.received if exchange.received >= 0 else None,
        "sent": exchange.sent if exchange.sent >= 0 else None,
    }
    return orjson.dumps({name: value for name, value in line.items() if value is not None}).decode() + "\n"


def as_text(exchange: Exchange) -> str:
    """What a person reads on a terminal."""
    model = f" {exchange.model}/{exchange.version or '-'}" if exchange.model else ""
    line = (
        f"{_moment(exchange.at)} INFO signet.access: {exchange.method} {exchange.route or '(unknown address)'} "
        f"{exchange.status} {exchange.seconds * 1000:.1f} ms {_caller(exchange.caller)}{model} [{exchange.request_id}]"
    )
    return (line if line.isprintable() else "".join(each if each.isprintable() else "?" for each in line)) + "\n"


def _caller(caller: Principal | None) -> str:
    return f"{caller.kind}:{caller.id}" if caller else "-"


def _moment(at: float) -> str:
    seconds, rest = divmod(at, 1)
    return f"{_second(int(seconds))}.{int(rest * 1000):03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime(TIME, time.gmtime(seconds))
