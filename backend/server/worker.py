"""gunicorn's threads, of which none waits for an idle connection, and a loop that answers what it can at once."""

import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors as framing
from gunicorn.workers.gthread import ThreadWorker

from backend.api.request_id import request_id_of
from backend.listener import ready
from backend.listener.express import Later
from backend.listener.tls import BoundedSocket
from backend.listener.wsgi import misframed, problem_answer, turn
from backend.server.idle import Idle
from backend.server.intake import Intake, Step
from backend.server.lane import Lane, Request

_REFUSALS: dict[type[Exception], HTTPStatus] = {
    framing.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    framing.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    framing.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    framing.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    framing.ParseException: HTTPStatus.BAD_REQUEST,
    Exception: HTTPStatus.INTERNAL_SERVER_ERROR,
}


# Bytes that a thread reads at once; gunicorn's 8 kB make much of a body of some size.
_READ = 256 * 1024
# Bytes of a body from which on others go first.
_LARGE = 16 * 1024


class BoundedWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads, of which none waits for an idle connection, lingers in the accepting loop or answers in HTML.

    A small prediction that has arrived whole is answered by the loop itself: to hand it to a thread and back costs more than to answer.
    """

    lane: Lane | None = None
    intake: Intake | None = None

    def init_process(self) -> None:
        self.keepalived_conns = Idle()
        self._turns: deque[tuple[Any, Request]] = deque()
        self._notified = 0.0
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        if self.app.express is not None:
            self.lane = Lane(self.app.express, proxied=self.app.settings.proxy_socket is not None)
            self.intake = Intake(self.lane)

    def notify(self) -> None:
        """Tell the arbiter that we live, once a second: gunicorn does so for each event."""
        moment = time.monotonic()
        if moment - self._notified >= 1:
            self._notified = moment
            super().notify()

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection to a thread only once it has sent something."""
        if conn.initialized or conn.data_ready:
            conn.queued_at = time.monotonic()
            super().enqueue_req(conn)
            return
        conn.sock.settimeout(0)
        conn.timeout = time.monotonic() + (self.app.deadlines.handshake if self.alive else self.app.deadlines.drain)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """Answer at once what can be; everything else goes to a thread, with what was read of it."""
        if getattr(conn, "waits", False):
            return  # its request is whole and waits for its turn; what comes behind it is the next one's
        found = self.intake.read(conn) if self.intake is not None and self.alive else Step.LEAVE
        if isinstance(found, Step):
            if found is Step.LEAVE:
                self._leave(conn)
            else:
                self._touch(conn)
        elif found.wanted > _LARGE:
            self._touch(conn)
            conn.waits = True
            self._turns.append((conn, found))
        else:
            self._answer(conn, found)

    def _answer(self, conn: Any, request: Request) -> None:
        """Send the answer, or have a thread find it."""
        whole = self.lane.answer_at_once(request) if self.lane is not None and self.alive else None
        if isinstance(whole, Later):
            self._in_thread(conn, partial(self._compute, conn, request))
            return
        try:
            rest = None if whole is None else whole[ready.send(conn.sock, whole) :]
        except OSError:
            self._leave(conn)  # the peer is gone, as the thread finds when it reads on
            return
        if rest is None:
            self._leave(conn, request)
        else:
            self._touch(conn)
            if rest:
                self._in_thread(conn, partial(self._send, conn, rest))

    def _touch(self, conn: Any) -> None:
        conn.set_timeout()
        self.keepalived_conns.touch(conn)

    def _leave(self, conn: Any, request: Request | None = None) -> None:
        """A thread goes on with what was read."""
        if self.intake is not None:
            self.intake.give_back(conn, request)
        super().on_client_socket_readable(conn, conn.sock)

    def _in_thread(self, conn: Any, work: Callable[[], bool]) -> None:
        """The answer takes its time, or the peer takes it slowly: a thread waits for it, within the peer's allowance."""
        self.poller.unregister(conn.sock)
        self.keepalived_conns.remove(conn)
        conn.queued_at = time.monotonic()
        working = self.tpool.submit(work)
        working.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _compute(self, conn: Any, request: Request) -> bool:
        # For whom it took too long to come to this, the app has a word.
        is_late = time.monotonic() - conn.queued_at > self.app.settings.prediction_wait_seconds
        whole = self.lane.answer(request) if self.lane is not None and not is_late else None
        if whole is not None:
            return self._send(conn, whole)
        conn.parser.unreader.unread(request.received())
        return bool(self.handle(conn))

    def _send(self, conn: Any, whole: bytes) -> bool:
        try:
            conn.sock.setblocking(True)  # noqa: FBT003 - the socket's own interface
            conn.sock.sendall(whole)
        except OSError as error:
            self.log.debug("an answer was not delivered: %s", error)
            _say_goodbye(conn.sock, self.app.deadlines.linger)
            return False
        return True

    def handle(self, conn: Any) -> Any:
        """Serve one request; a connection that ends is closed here, for gunicorn would wait for the peer while accepting."""
        turn.waited = time.monotonic() - conn.queued_at
        kept = super().handle(conn)
        if kept and conn.sock not in misframed:
            return kept
        _say_goodbye(conn.sock, self.app.deadlines.linger)
        return False

    def finish_request(self, conn: Any, fs: Any) -> None:
        if conn.sock.fileno() == -1:
            self.nr_conns -= 1
        elif fs.cancelled() or fs.exception() is not None or fs.result() is not True:
            super().finish_request(conn, fs)
        elif _read_ahead(conn):
            # The next request was read with the end of this one: the socket would never become readable for it.
            self.enqueue_req(conn)
        else:
            self._keep(conn)

    def _keep(self, conn: Any) -> None:
        """Wait for the next request; while the server ends, a short while, for one that is on its way."""
        conn.sock.setblocking(False)  # noqa: FBT003
        conn.set_timeout()
        if not self.alive:
            conn.timeout = time.monotonic() + self.app.deadlines.drain
        conn.parser.unreader.mxchunk = _READ
        self.keepalived_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer what never reached the app in the same shape as the app's errors, and without an echo of it."""
        peer = addr[0] if addr else "?"
        if isinstance(exc, ssl.SSLError):
            self.log.info("connection from %s refused: %s", peer, exc)
            return
        identifier = request_id_of(None)
        status = next(status for kind, status in _REFUSALS.items() if isinstance(exc, kind))
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("unexpected error outside the app [%s]", identifier, exc_info=exc)
        else:
            self.log.info("request from %s refused: %s [%s]", peer, type(exc).__name__, identifier)
        try:
            client.sendall(problem_answer(status, identifier))
        except OSError as error:
            self.log.debug("the refusal was not delivered: %s", error)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: nothing new is accepted, requests in flight and on their way are answered, and told that the connection ends."""
        super().handle_exit(sig, frame)
        self.method_queue.defer(self._hurry)

    def _hurry(self) -> None:
        """Connections that wait for nothing are closed soon; at once, a request that is under way to us would be lost."""
        ends = time.monotonic() + self.app.deadlines.drain
        for conn in (*self.keepalived_conns, *self.pending_conns):
            conn.timeout = min(conn.timeout, ends)

    def set_accept_enabled(self, enabled: Any) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            self._close_listeners()

    def _close_listeners(self) -> None:
        """Take in who has connected already, then close the door: others are refused at once and may go elsewhere."""
        for listener in self.sockets:
            before = -1
            while before != self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Small requests first, then the turn of one large one; while the server ends, look at the clock often enough for `drain`."""
        longest = 0.0 if self._turns else timeout
        super().wait_for_and_dispatch_events(longest if self.alive else min(longest, 0.1))
        if self._turns:
            conn, request = self._turns.popleft()
            conn.waits = False
            if conn.sock.fileno() != -1:
                self._answer(conn, request)

    def murder_keepalived(self) -> None:
        """Close connections that were idle for too long; what arrives too slowly for the loop goes to threads."""
        super().murder_keepalived()
        if self.intake is None or self.lane is None:
            return
        self.lane.tidy()
        for conn in self.intake.late():
            if conn.sock.fileno() == -1:
                self.intake.give_back(conn)
            else:
                self._leave(conn)


def _say_goodbye(connection: socket.socket, linger: float) -> None:
    """Close after the peer had time to read the answer: bytes that we leave unread would make the kernel drop it."""
    try:
        if isinstance(connection, BoundedSocket) or connection.family == socket.AF_UNIX:
            connection.settimeout(linger)  # a bounded socket goes on to bound itself
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(64 * 1024):
                pass
    except OSError:
        pass  # cut by the peer or by its allowance: closed either way
    finally:
        connection.close()


def _read_ahead(conn: Any) -> bool:
    """Whether bytes of the connection were read, or decrypted, that no request has used yet."""
    unreader = conn.parser.unreader
    unreader.unread(ahead := unreader.take_buffered())
    return bool(ahead) or ready.pending(conn.sock)
