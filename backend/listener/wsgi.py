"""What the app is given beyond WSGI, and the answer to what never reaches the app."""

import io
import ipaddress
import json
import socket
import threading
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from weakref import WeakSet
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from backend.errors import Malformed, RequestTimeout
from backend.listener.tls import BoundedSocket

CLIENT_CERTIFICATE = "signet.client_certificate"  # WSGI key: the client's verified certificate (DER), or None
WAITED = "signet.waited"  # WSGI key: for how many seconds the request waited for its thread
PROXIED = "signet.proxied"  # WSGI key: whether the request came over the socket that only the proxy can open

# Connections on which a body was cut or wrongly framed: what follows on them cannot be told from it.
misframed: WeakSet[socket.socket] = WeakSet()


class _Turn(threading.local):
    """What a thread that serves a request knows of it before it is read."""

    waited = 0.0


turn = _Turn()


class RequestBody(io.RawIOBase):
    """A request's body, whose faults are the caller's and not ours: cut short, too slow, or wrongly framed."""

    def __init__(self, reader: Any, length: int | None, connection: socket.socket) -> None:
        self._reader, self._missing, self._connection = reader, length, connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            data: bytes = self._reader.read(len(buffer))
        except TimeoutError as error:
            misframed.add(self._connection)
            raise RequestTimeout("The request took too long to arrive", cause=str(error)) from error
        except OSError as error:
            raise self._broken(repr(error)) from error
        if self._missing is not None:
            self._missing -= len(data)
            if not data and self._missing > 0:
                raise self._broken(f"{self._missing} bytes are missing")
        buffer[: len(data)] = data
        return len(data)

    def _broken(self, cause: str) -> Malformed:
        misframed.add(self._connection)
        return Malformed("The body ended early or is wrongly framed", cause=cause)


def with_peer(app: WSGIApplication) -> WSGIApplication:
    """The app, told about the client's certificate and given a body that fails as the app's own errors do."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        connection: BoundedSocket = environ["gunicorn.socket"]
        environ[CLIENT_CERTIFICATE] = connection.getpeercert(binary_form=True)
        environ[PROXIED] = False
        environ[WAITED] = turn.waited
        environ["wsgi.input"] = _body(environ)
        return app(environ, start_response)

    return answer


def with_proxy(app: WSGIApplication) -> WSGIApplication:
    """The app behind a proxy on this machine that ended TLS: it is told so, and from which address the proxy was called."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[CLIENT_CERTIFICATE] = None
        environ[PROXIED] = True
        environ[WAITED] = turn.waited
        environ["wsgi.url_scheme"] = "https"
        environ["REMOTE_ADDR"] = _last_address(environ.get("HTTP_X_FORWARDED_FOR", ""))
        environ["wsgi.input"] = _body(environ)
        return app(environ, start_response)

    return answer


def _body(environ: WSGIEnvironment) -> io.BufferedReader:
    length = environ.get("CONTENT_LENGTH")
    body = RequestBody(environ["wsgi.input"].reader, int(length) if length else None, environ["gunicorn.socket"])
    return io.BufferedReader(body, 64 * 1024)


def _last_address(forwarded: str) -> str:
    """The address that the proxy itself put at the end; what stands before it, the caller may have written."""
    try:
        return str(ipaddress.ip_address(forwarded.rpartition(",")[2].strip()))
    except ValueError:
        return ""


def problem_answer(status: HTTPStatus, identifier: str) -> bytes:
    """A whole HTTP answer that holds a problem document (RFC 9457)."""
    code = status.phrase.lower().replace(" ", "-")
    detail = "The request cannot be read as HTTP." if status < 500 else "An unexpected error happened on the server."
    document = {
        "type": f"urn:signet:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "error": detail,
        "code": code,
        "request_id": identifier,
    }
    body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {int(status)} {status.phrase}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        f"Cache-Control: no-store\r\nX-Request-Id: {identifier}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
