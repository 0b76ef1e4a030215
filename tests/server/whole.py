"""The whole API behind the real server: `python -m tests.server.whole <home> <port> [<proxy's socket>]`."""

import sys
from pathlib import Path

from backend.app import start_app
from backend.listener.tls import Deadlines
from backend.server.application import serve
from backend.settings import Settings

DEADLINES = Deadlines(handshake=5.0, stall=2.0, linger=0.5)

if __name__ == "__main__":
    home, port, *rest = sys.argv[1:]
    proxy_socket = Path(rest[0]) if rest else None
    settings = Settings(home=Path(home), port=int(port), server_threads=16, proxy_socket=proxy_socket, mlflow_port=1)
    serve(settings, start_app, DEADLINES)
