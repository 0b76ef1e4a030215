"""The three parts as a caller sees them, answered by a script over real TLS."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = tuple[int, object]


class Doors:
    """A listener on a free port; `answers` maps a method and path to what is said, or to a function of the request."""

    def __init__(self, certs: Path | None = None) -> None:
        self.answers: dict[str, object] = {}
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port: int = self.server.server_address[1]
        if certs is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certs / "server.pem", certs / "server.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, what: str, headers: dict[str, str], body: bytes) -> Answer:
        self.asked.append((what, headers, body))
        found = self.answers.get(what, (404, {}))
        return found(headers, body) if callable(found) else found


def _handler(doors: Doors) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = doors.answer(f"{self.command} {self.path}", dict(self.headers), body)
            text = json.dumps(said, separators=(",", ":")).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET  # noqa: N815 - the name that the library looks for

        def log_message(self, *_: object) -> None:
            pass

    return Handler
