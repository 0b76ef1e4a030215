"""The TLS side of the one listener: certificates in both directions, no resumption, and a bound on every wait for a peer."""

import logging
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

_log = logging.getLogger("signet.server")

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
FileState = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Deadlines:
    """How long a peer may keep a thread waiting, in seconds.

    `handshake` bounds the whole TLS handshake; `stall` is what a request may wait in all, where moving `bytes_per_second` keeps
    a large body alive; `linger` is the time to read an error answer before the connection is closed; `drain` is for how long a server
    that ends still waits for requests that are on their way on connections that it kept.
    """

    handshake: float = 10
    stall: float = 15
    linger: float = 2
    drain: float = 2
    bytes_per_second: float = 16 * 1024


class Allowance:
    """Seconds of waiting that a peer has left; bytes that move earn some back, never more than it began with.

    A limit for each read alone would let a peer that sends one byte at a time hold a thread for ever; a limit for the whole
    request would cut a large upload that is making progress.
    """

    def __init__(self, seconds: float, bytes_per_second: float) -> None:
        self._most, self.left, self._rate = seconds, seconds, bytes_per_second

    def earn(self, moved: int) -> None:
        self.left = min(self._most, self.left + moved / self._rate)

    def spend(self, seconds: float) -> None:
        self.left -= seconds


class ListenerContext(ssl.SSLContext):
    """A server's TLS context that also knows the deadlines of its connections, and whether it can be used again."""

    deadlines: Deadlines
    spent = False


class BoundedSocket(ssl.SSLSocket):
    """A TLS connection on which no wait lasts longer than the peer's allowance; past it, TimeoutError."""

    _reading: Allowance | None = None  # none before the handshake: Python looks into a socket that is already gone
    _writing: Allowance | None = None

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002
        context = self._own_context
        self._reading = self._writing = Allowance(0, float("inf"))  # no goodbye for a handshake that fails
        self.settimeout(context.deadlines.handshake)
        super().do_handshake(block)
        self._begin()
        # OpenSSL keeps the sessions of TLS 1.2 in their context, and Python cannot tell it not to.
        context.spent = context.spent or self.version() == "TLSv1.2"
        if self.session_reused:
            raise ssl.SSLError("a session was resumed, which skips the verification of its certificate")

    def setblocking(self, flag: bool, /) -> None:  # noqa: FBT001
        """The server makes a connection blocking as a request begins on it, and so do its allowances begin."""
        super().setblocking(flag)
        if flag:
            self._begin()

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        return self._within(self._reading, len, super().recv, buflen, flags)

    def send(self, data: bytes, flags: int = 0) -> int:  # type: ignore[override]  # the server sends nothing but bytes
        return self._within(self._writing, int, super().send, data, flags)

    def shutdown(self, how: int, /) -> None:
        """End our side with TLS's own goodbye, then give the peer a short while to read and to close."""
        with suppress(OSError, ValueError):
            self.settimeout(0)
            self.unwrap()
        if self._reading and self._reading.left > 0:
            self._reading = Allowance(self._own_context.deadlines.linger, float("inf"))
        super().shutdown(how)

    @property
    def _own_context(self) -> ListenerContext:
        return cast(ListenerContext, self.context)

    def _begin(self) -> None:
        limits = self._own_context.deadlines
        self._reading = Allowance(limits.stall, limits.bytes_per_second)
        self._writing = Allowance(limits.stall, limits.bytes_per_second)

    def _within(
        self,
        allowance: Allowance | None,
        moved: Callable[[Result], int],
        operation: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """The result of one read or write, its waiting paid from the allowance and its bytes credited to it."""
        if allowance is None:
            return operation(*arguments, **named)
        if allowance.left <= 0:
            raise TimeoutError("the peer kept the server waiting for too long")
        set_to = self.gettimeout()
        # To set it anew costs as much as a small read; while bytes flow, a tenth less is near enough.
        if set_to is None or not 0.9 * allowance.left <= set_to <= allowance.left:
            self.settimeout(allowance.left)
        started = time.monotonic()
        try:
            result = operation(*arguments, **named)
        finally:
            allowance.spend(time.monotonic() - started)
        allowance.earn(moved(result))
        return result


class Listener:
    """The context for new connections, built again when its files change or a session might be resumed in it."""

    def __init__(self, certs: Path, deadlines: Deadlines) -> None:
        self._chain, self._key = certs / "server.pem", certs / "server.key"
        self._subscribers = certs / "authority" / "subscribers-ca.pem"
        self._deadlines = deadlines
        self._built: tuple[FileState, ListenerContext] | None = None

    def context(self) -> ListenerContext:
        """The TLS context for a connection that begins now.

        Files that are being replaced, or that went missing, leave the last good context in use.
        """
        built = self._built
        try:
            state = self._state()
            if built is None or built[0] != state or built[1].spent:
                built = self._built = (state, self._build())
        except OSError as error:  # ssl.SSLError is one too: certificate and key do not match
            if built is None:
                raise
            _log.warning("the new server certificate cannot be used yet: %s", error)
        return built[1]

    def _state(self) -> FileState:
        files = [path.stat() for path in (self._chain, self._key, self._subscribers)]
        return tuple((file.st_mtime_ns, file.st_ino) for file in files)

    def _build(self) -> ListenerContext:
        context = ListenerContext(ssl.PROTOCOL_TLS_SERVER)
        context.deadlines = self._deadlines
        context.sslsocket_class = BoundedSocket
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
        # A resumed session is not verified anew: it would let a revoked subscriber back in.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self._chain, self._key)
        # People have no certificate. A subscriber's must come from the subscribers' authority itself; were the root the
        # anchor, anything under it would do.
        context.load_verify_locations(self._subscribers)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
        return context
