"""A small app behind the real server: `python -m tests.server.tiny <home> <port>`."""

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request

from backend.errors import Malformed, RequestTimeout
from backend.listener.tls import Deadlines
from backend.listener.wsgi import CLIENT_CERTIFICATE
from backend.server import serve
from backend.settings import Settings

DEADLINES = Deadlines(handshake=1.0, stall=1.0, linger=0.5)


def create_app(settings: Settings) -> Any:
    """A few endpoints, each of which shows one thing that the server does."""
    app = Flask("tiny", static_folder=None)

    @app.get("/")
    def index() -> str:
        return "here"

    @app.get("/seen")
    def seen() -> Response:
        certificate = request.environ[CLIENT_CERTIFICATE]
        return jsonify(
            scheme=request.scheme,
            script=request.script_root,
            headers=sorted(request.headers.keys()),
            certificate=certificate and certificate.hex(),
        )

    @app.post("/body")
    def body() -> Response:
        received = 0
        while chunk := request.stream.read(64 * 1024):
            received += len(chunk)
        return jsonify(received=received)

    @app.post("/lines")
    def lines() -> Response:
        return jsonify(lines=[line.decode() for line in request.environ["wsgi.input"]])

    @app.post("/refused")
    def refused() -> tuple[str, int]:
        return "too large", 413

    @app.get("/large")
    def large() -> bytes:
        return bytes(64 * 1024 * 1024)

    @app.get("/slow")
    def slow() -> str:
        (settings.home / "begun").touch()
        while not (settings.home / "go-on").exists():
            time.sleep(0.02)
        return "done"

    app.register_error_handler(RequestTimeout, lambda error: (error.detail, 408))
    app.register_error_handler(Malformed, lambda error: (error.detail, 400))
    return _breaking(app)


def _breaking(app: Flask) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """The app, with one path that fails outside of Flask."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/broken":
            raise RuntimeError("a secret of the inside")
        return app(environ, start_response)

    return answer


if __name__ == "__main__":
    home, port, threads = sys.argv[1:]
    serve(Settings(home=Path(home), port=int(port), server_threads=int(threads)), create_app, DEADLINES)
