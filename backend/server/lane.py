"""A whole small request that is there already comes in; its answer goes out, without a thread and without a wait."""

import logging
import time
from email.utils import formatdate
from typing import Any

from backend.listener import ready
from backend.listener.express import Answer, Express
from backend.listener.plain_request import read_plain
from backend.listener.wsgi import CLIENT_CERTIFICATE, PROXIED

_log = logging.getLogger("signet.server")

# One TLS record; what is larger takes long enough to be worth a thread.
_LARGEST = 16 * 1024


class Lane:
    """Answers requests that the app's own way beside it takes; touches a connection only where it answers."""

    def __init__(self, express: Express, *, proxied: bool) -> None:
        self._express, self._proxied = express, proxied
        self._start, self._second = b"", 0

    def answer(self, conn: Any) -> bytes | None:
        """Answer the request that has arrived; what of the answer could not be sent at once, or None where a thread has to look.

        What was read of a request that is not answered here waits in the connection's parser.
        """
        try:
            data = ready.receive(conn.sock, _LARGEST)
        except OSError:
            return None  # whatever it is, the thread meets it too
        if data is None:
            return None  # not enough yet for anything to be decrypted: a thread waits for it, within the caller's allowance
        whole = self._answered(conn, data) if data and not ready.pending(conn.sock) else None
        if whole is None:
            conn.parser.unreader.unread(data)
            return None
        try:
            return whole[ready.send(conn.sock, whole) :]
        except OSError:
            return None  # the peer is gone, as the thread finds when it reads on

    def _answered(self, conn: Any, data: bytes) -> bytes | None:
        """The whole answer, head and body."""
        request = read_plain(data)
        if request is None:
            return None
        fields, body = request
        try:
            call = self._express.begin({**self._facts(conn), **fields})
            answer = None if call is None else call(body)
        except Exception:
            _log.exception("a request was left to the app")
            return None
        return None if answer is None else self._written(answer)

    def _facts(self, conn: Any) -> dict[str, Any]:
        """What is known of a connection, found out once."""
        facts: dict[str, Any] | None = getattr(conn, "facts", None)
        if facts is None:
            certificate = None if self._proxied else conn.sock.getpeercert(binary_form=True)
            facts = {CLIENT_CERTIFICATE: certificate, PROXIED: self._proxied}
            facts |= {"REQUEST_METHOD": "POST", "QUERY_STRING": "", "wsgi.url_scheme": "https"}
            conn.facts = facts
        return facts

    def _written(self, answer: Answer) -> bytes:
        moment = int(time.time())
        if moment != self._second:
            date = formatdate(moment, usegmt=True)
            self._start = f"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: {date}\r\nConnection: keep-alive\r\n".encode()
            self._second = moment
        head = "".join([f"{name}: {value}\r\n" for name, value in answer.headers])
        return b"".join((self._start, head.encode("latin-1"), b"\r\n", answer.body))
