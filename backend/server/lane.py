"""A whole request that has arrived comes in; its answer goes out, without a wait."""

import logging
import time
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from backend.listener.express import Answer, Asked, Call, Express, Headers, Later
from backend.listener.plain_request import END, LONGEST_HEAD, read_plain
from backend.listener.wsgi import CLIENT_CERTIFICATE, PROXIED

_log = logging.getLogger("signet.server")

# Callers of a connection send the same head again and again. Some hold a token, which is not to lie about for long.
_HEADS_KEPT, _HEADS_KEPT_SECONDS = 512, 1.0
_LARGEST = 8 * 1024 * 1024  # bytes of a body that waits in memory for its end; larger ones go to a thread as they come


class Request:
    """A request whose head was read: the bytes that came so far, and how to go on with its body."""

    __slots__ = ("begins", "call", "head", "parts", "size", "wanted")

    def __init__(self, head: bytes, length: int, call: Call) -> None:
        self.head, self.call = head, call
        self.parts: list[bytes] = []
        self.size, self.wanted = 0, length  # of the body: bytes that came, bytes of all

    def add(self, part: bytes) -> None:
        self.parts.append(part)
        self.size += len(part)

    @property
    def missing(self) -> int:
        """Below 0 where more came than the body has: another request."""
        return self.wanted - self.size

    def body(self) -> bytes:
        if len(self.parts) != 1:
            self.parts = [b"".join(self.parts)]
        return self.parts[0]

    def received(self) -> bytes:
        """All bytes that came, as they came."""
        return b"".join((self.head, END, *self.parts))


class Lane:
    """Reads and answers requests that the app's own way beside it takes; everything else it leaves alone."""

    def __init__(self, express: Express, *, proxied: bool) -> None:
        self._express = express
        self._facts = {
            PROXIED: proxied,
            CLIENT_CERTIFICATE: None,
            "REQUEST_METHOD": "POST",
            "QUERY_STRING": "",
            "wsgi.url_scheme": "https",
        }
        self._proxied = proxied
        self._start, self._second = b"", 0
        self._heads: dict[bytes, tuple[Asked | None, int]] = {}
        self._heads_end = 0.0

    def begin(self, conn: Any, data: bytes) -> Request | None:
        """The request that begins with these bytes, where it is one for here; the head must be there whole."""
        head, end, body = data.partition(END)
        if not end or len(head) > LONGEST_HEAD:
            return None
        try:
            asked, length = self._heads.get(head) or self._look(head)
            call = None if asked is None or length > _LARGEST else asked.begin(self._certificate(conn))
        except Exception:
            _log.exception("a request was left to the app")
            return None
        if call is None:
            return None
        request = Request(head, length, call)
        request.add(body)
        return request

    def answer_at_once(self, request: Request) -> bytes | Later | None:
        """The whole answer, head and body; LATER where a thread should give it, None where the app has to."""
        try:
            answer = request.call.at_once(request.body())
        except Exception:
            _log.exception("a request was left to the app")
            return None
        return self._written(answer) if isinstance(answer, Answer) else answer

    def answer(self, request: Request) -> bytes | None:
        """The same, however long it takes; called by a thread."""
        try:
            answer = request.call(request.body())
        except Exception:
            _log.exception("a request was left to the app")
            return None
        return None if answer is None else self._written(answer)

    def tidy(self) -> None:
        """Called at least once a second: heads are forgotten after that."""
        moment = time.monotonic()
        if moment >= self._heads_end:
            self._heads.clear()
            self._heads_end = moment + _HEADS_KEPT_SECONDS

    def _look(self, head: bytes) -> tuple[Asked | None, int]:
        plain = read_plain(head)
        asked = None if plain is None else self._express.look({**self._facts, **plain.fields})
        found = asked, plain.length if plain else 0
        if len(self._heads) >= _HEADS_KEPT:
            self._heads.clear()
        self._heads[head] = found
        return found

    def _certificate(self, conn: Any) -> bytes | None:
        """The one that the caller presented in the handshake, found out once a connection."""
        if self._proxied:
            return None
        try:
            certificate: bytes | None = conn.certificate
        except AttributeError:
            certificate = conn.certificate = conn.sock.getpeercert(binary_form=True)
        return certificate

    def _written(self, answer: Answer) -> bytes:
        moment = int(time.time())
        if moment != self._second:
            date = formatdate(moment, usegmt=True)
            self._start = f"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: {date}\r\nConnection: keep-alive\r\n".encode()
            self._second = moment
        own = "".join([f"{name}: {value}\r\n" for name, value in answer.headers])
        return b"".join((self._start, own.encode("latin-1"), _lines(answer.common), answer.body))


@lru_cache(maxsize=8)
def _lines(headers: Headers) -> bytes:
    """The last headers and the end of the head."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1") + b"\r\n"
