"""A small app behind the real server: `python -m tests.server.tiny <home> <port> <threads>`."""

import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, current_app, jsonify, request

from backend.errors import RequestTimeout, SignetError
from backend.listener.express import LATER, Answer, ExpressApp, Later
from backend.listener.tls import Deadlines
from backend.listener.wsgi import CLIENT_CERTIFICATE, WAITED
from backend.server.application import serve
from backend.settings import Settings

DEADLINES = Deadlines(handshake=1.0, stall=1.0, linger=0.5, drain=1.0)


def index() -> str:
    return "here"


def seen() -> Response:
    certificate = request.environ[CLIENT_CERTIFICATE]
    return jsonify(
        scheme=request.scheme,
        script=request.script_root,
        waited=request.environ[WAITED],
        headers=sorted(request.headers.keys()),
        certificate=certificate and certificate.hex(),
    )


def body() -> Response:
    received = 0
    while chunk := request.stream.read(64 * 1024):
        received += len(chunk)
    return jsonify(received=received)


def lines() -> Response:
    return jsonify(lines=[line.decode() for line in request.environ["wsgi.input"]])


def refused() -> tuple[str, int]:
    return "too large", 413


def large() -> bytes:
    return bytes(64 * 1024 * 1024)


def slow() -> str:
    """An answer that the test lets go."""
    home = current_app.config["HOME"]
    (home / "begun").touch()
    while not (home / "go-on").exists():
        time.sleep(0.02)
    return "done"


def failed(error: SignetError) -> tuple[str, int]:
    (current_app.config["HOME"] / "failed").write_text(str(error.cause))
    return error.detail, 408 if isinstance(error, RequestTimeout) else 400


class Expressly:
    """Answers beside the app: how large an answer the caller wants, and by which thread and certificate it is given."""

    def look(self, head: Mapping[str, Any]) -> "Asked | None":
        return Asked(head) if head["PATH_INFO"].startswith("/express") else None


class Asked:
    def __init__(self, head: Mapping[str, Any]) -> None:
        self.head = head

    def begin(self, certificate: bytes | None) -> "Call | None":
        if self.head["PATH_INFO"] == "/express/fault":
            raise RuntimeError("a secret of the inside")
        return Call(self.head, certificate)


class Call:
    def __init__(self, head: Mapping[str, Any], certificate: bytes | None) -> None:
        self.head, self.certificate = head, certificate

    def at_once(self, body: bytes) -> Answer | Later | None:
        return LATER if body.startswith(b"slow") else self(body)

    def __call__(self, body: bytes) -> Answer | None:
        if body in {b"leave it", b"slow, and leave it"}:
            return None
        in_loop = threading.current_thread() is threading.main_thread()
        while body.startswith(b"slow until ") and not Path(body[11:].decode()).exists():
            time.sleep(0.02)
        found = {"received": len(body), "in_loop": in_loop, "certificate": self.certificate and self.certificate.hex()}
        text = json.dumps(found).encode() + bytes(int(self.head.get("HTTP_X_PADDING", "0")))
        return Answer((("Content-Type", "text/plain"), ("Content-Length", str(len(text)))), text)


def express() -> Response:
    """What the app answers in its stead."""
    return jsonify(received=len(request.get_data()), in_loop=None, certificate=None)


def create_app(settings: Settings) -> WSGIApplication:
    app = Flask("tiny", static_folder=None)
    app.config["HOME"] = settings.home
    app.add_url_rule("/", view_func=index)
    for view in (seen, large, slow):
        app.add_url_rule(f"/{view.__name__}", view_func=view)
    for view in (body, lines, refused, express):
        app.add_url_rule(f"/{view.__name__}", view_func=view, methods=["POST"])
    app.register_error_handler(SignetError, failed)

    def breaking(environ: WSGIEnvironment, start_response: StartResponse) -> object:
        if (path := environ["PATH_INFO"]).startswith("/broken"):
            raise RuntimeError("a secret of the inside") from OSError(f"lost {path}")
        return app(environ, start_response)

    return ExpressApp(breaking, Expressly())  # type: ignore[arg-type]


if __name__ == "__main__":
    home, port, threads = sys.argv[1:]
    serve(Settings(home=Path(home), port=int(port), server_threads=int(threads)), create_app, DEADLINES)
