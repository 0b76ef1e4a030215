"""A way beside the app for requests that need nothing of it: answered whole, or left to the app with nothing done."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from backend.listener.wsgi import CLIENT_CERTIFICATE

# Larger bodies are read by the app, which gives them up at its own limit.
_LARGEST = 64 * 1024 * 1024


Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of status 200: its own headers, `Content-Length` among them, those that every answer has, and its body."""

    headers: Headers
    body: bytes
    common: Headers = ()


class Later:
    """To answer may take a while: a thread should."""


LATER = Later()


class Call(Protocol):
    """A request that was let in: its body comes in, the answer goes out, or None where the app has to answer."""

    def __call__(self, body: bytes) -> Answer | None: ...

    def at_once(self, body: bytes) -> Answer | Later | None:
        """The answer where that is sure to be brief, so that a loop that serves others too may give it."""


class Asked(Protocol):
    """What is asked, as far as the head of a request says it for good."""

    def begin(self, certificate: bytes | None) -> Call | None:
        """How to go on with the body where the caller may ask this now; None leaves the request to the app.

        `certificate` is the one (DER) that the caller presented in its TLS handshake.
        """


class Express(Protocol):
    """What may answer a request without the app.

    `look` is given the request's head as WSGI has it, or None comes out where the request is the app's. Until an answer is given nothing
    has happened that the app would do again.
    """

    def look(self, head: Mapping[str, Any]) -> Asked | None: ...


class ExpressApp:
    """The app, and the way beside it."""

    def __init__(self, app: WSGIApplication, express: Express) -> None:
        self.app, self.express = app, express

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        if answer is None:
            return self.app(environ, start_response)
        start_response("200 OK", [*answer.headers, *answer.common])
        return [answer.body]

    def _answer(self, environ: WSGIEnvironment) -> Answer | None:
        length = environ.get("CONTENT_LENGTH", "")
        if environ["REQUEST_METHOD"] != "POST" or not length.isdecimal() or int(length) > _LARGEST:
            return None
        asked = self.express.look(environ)
        call = None if asked is None else asked.begin(environ[CLIENT_CERTIFICATE])
        if call is None:
            return None
        body = _read(environ, int(length))
        return None if body is None else call(body)


class _Failing(io.RawIOBase):
    """A body that could not be read, for whoever reads it again."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        raise self._error


def _read(environ: WSGIEnvironment, length: int) -> bytes | None:
    """The whole body, left for the app to be read once more; None where it cannot be read, as the app then finds too."""
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except Exception as error:
        environ["wsgi.input"] = _Failing(error)
        return None
    environ["wsgi.input"] = io.BytesIO(body)
    return body if len(body) == length else None
