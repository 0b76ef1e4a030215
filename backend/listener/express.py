"""A way beside the app for requests that need nothing of it: answered whole, or left to the app with nothing done."""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# Larger bodies are read by the app, which gives them up at its own limit.
_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of status 200: its headers, `Content-Length` among them, and its body."""

    headers: list[tuple[str, str]]
    body: bytes


# A request that was let in: its body comes in, the answer goes out, or None where the app has to answer.
Call = Callable[[bytes], Answer | None]


class Express(Protocol):
    """What may answer a request without the app.

    `begin` is given the request's head as WSGI has it and says how to go on with the body, or None where the request is the app's.
    Until an answer is given nothing has happened that the app would do again.
    """

    def begin(self, head: Mapping[str, Any]) -> Call | None: ...


class ExpressApp:
    """The app, and the way beside it."""

    def __init__(self, app: WSGIApplication, express: Express) -> None:
        self.app, self.express = app, express

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        if answer is None:
            return self.app(environ, start_response)
        start_response("200 OK", answer.headers)
        return [answer.body]

    def _answer(self, environ: WSGIEnvironment) -> Answer | None:
        length = environ.get("CONTENT_LENGTH", "")
        if environ["REQUEST_METHOD"] != "POST" or not length.isdecimal() or int(length) > _LARGEST:
            return None
        call = self.express.begin(environ)
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
