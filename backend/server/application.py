"""The gunicorn application: the API over TLS only, in threads that no stalled client can hold for long.

Where a proxy ends TLS in front of it, the API listens on a Unix socket instead, which only that proxy can open.
"""

import ctypes
import gc
import logging
import os
import re
import resource
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

from filelock import Timeout
from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.http import errors as framing

from backend.errors import SignetError
from backend.identity.authority import ensure_authority, ensure_server_certificate
from backend.listener.express import Express, ExpressApp
from backend.listener.memory import return_large_pieces
from backend.listener.tls import Deadlines, Listener
from backend.listener.wsgi import with_peer, with_proxy
from backend.logs import configure_logging
from backend.monitoring import process_files
from backend.server import place
from backend.server.worker import BoundedWorker
from backend.settings import Settings

_GRACE_SECONDS = 20
# How long a thread that computes, such as one that reads an uploaded file, keeps the interpreter from the loop that answers predictions.
# Python's own 5 ms would be five times what a prediction takes under load.
_SWITCH_SECONDS = 0.0005
_IDLE_SECONDS = 75
_CHECK_CERTIFICATE_SECONDS = 6 * 3600
_PR_SET_PDEATHSIG = 1
_LISTS_BETWEEN_COLLECTIONS = 20_000
_CLAIMS = ("CLIENT_CERT", "X_SSL_CLIENT_CERT", "X_FORWARDED_CLIENT_CERT")
# A name or an address, and a port: narrower than RFC 3986, which would take a list of hosts for a name.
_HOST = re.compile(r"([\w.~%-]+|\[[\w.~%:-]+\])(:[0-9]*)?", re.ASCII)

_log = logging.getLogger("signet.server")


def serve(
    settings: Settings, create_app: Callable[[Settings], WSGIApplication], deadlines: Deadlines | None = None
) -> None:
    """Serve the API until SIGTERM, which lets requests in flight end; the app is built in each worker process."""
    configure_logging(settings.log_format)
    return_large_pieces()
    ensure_authority(settings)
    process_files.share(settings)
    Server(settings, create_app, deadlines or Deadlines(stall=settings.request_seconds)).run()


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's application, configured here and nowhere else: no file, no command line."""

    def __init__(
        self, settings: Settings, create_app: Callable[[Settings], WSGIApplication], deadlines: Deadlines
    ) -> None:
        self.settings, self.create_app, self.deadlines = settings, create_app, deadlines
        self.listener = Listener(settings.certs, deadlines)
        self.express: Express | None = None
        super().__init__(prog="signet")

    def load_config(self) -> None:
        for name, value in self._configuration().items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """The app, as each worker process builds it for itself."""
        app = self.create_app(self.settings)
        self.express = app.express if isinstance(app, ExpressApp) else None
        return with_peer(app) if self.settings.proxy_socket is None else with_proxy(app)

    def _configuration(self) -> dict[str, Any]:
        return {
            **(self._direct() if self.settings.proxy_socket is None else self._proxied(self.settings.proxy_socket)),
            "workers": 1,
            "worker_class": BoundedWorker,
            "threads": self.settings.server_threads,
            "worker_connections": _connections(self.settings.server_threads),
            "keepalive": _IDLE_SECONDS,
            "timeout": 120,
            "graceful_timeout": _GRACE_SECONDS,
            "limit_request_line": 8190,
            "limit_request_fields": 100,
            "limit_request_field_size": 8190,
            # No header says how the request came; which ones with a "_" in their name are kept, `_pre_request` says.
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "header_map": "dangerous",
            "control_socket_disable": True,
            "accesslog": None,
            "logger_class": OneLineLogger,
            "proc_name": "signet-api",
            "pre_request": _pre_request,
            "when_ready": _when_ready,
            "post_fork": _post_fork,
            "child_exit": _child_exit,
            "on_exit": _on_exit,
            "post_worker_init": _post_worker_init,
        }

    def _direct(self) -> dict[str, Any]:
        """Callers speak TLS with this process itself."""
        certs, bind = self.settings.certs, self.settings.bind
        return {
            "bind": [f"[{bind}]:{self.settings.port}" if ":" in bind else f"{bind}:{self.settings.port}"],
            "certfile": str(certs / "server.pem"),
            "keyfile": str(certs / "server.key"),
            "ssl_context": self._context,
            "do_handshake_on_connect": False,
        }

    def _proxied(self, path: Path) -> dict[str, Any]:
        """A proxy speaks TLS with the callers; nobody but it and its group can reach this process."""
        return {"bind": [f"unix:{place.choose(path)}"], "umask": 0o117}

    def _context(self, _configuration: object, _default: object) -> ssl.SSLContext:
        return self.listener.context()


class OneLineLogger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's log, in our format, with one line for a connection that was cut: anybody can cause those at will."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for output in self.error_log.handlers:
            output.setFormatter(logging.getLogger().handlers[0].formatter)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, TimeoutError | ConnectionError | ssl.SSLError):
            self.info("connection cut: %s", error)
        else:
            super().exception(msg, *args, **kwargs)


def _connections(threads: int) -> int:
    """How many connections a worker may hold, well under the files it may open: to run out would end it."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(2 * threads, min(1000, files // 2))


def _pre_request(worker: Any, request: Any) -> None:
    """Take no request without exactly one host (RFC 9112, 3.2), nor a body whose end depends on a coding that others read differently.

    A header with "_" in its name would be mistaken for the one with "-", so it is dropped; but where it claims to be a certificate on
    a direct connection it goes on, for the app to refuse and to note.
    """
    claims = _CLAIMS if worker.app.settings.proxy_socket is None else ()
    request.headers = [(name, value) for name, value in request.headers if "_" not in name or name in claims]
    hosts = [value for name, value in request.headers if name == "HOST"]
    if (len(hosts) != 1 and request.version >= (1, 1)) or not all(map(_HOST.fullmatch, hosts)):
        raise framing.InvalidHeader("HOST")
    for name, value in request.headers:
        if name == "TRANSFER-ENCODING" and value.lower() != "chunked":
            raise framing.UnsupportedTransferCoding(value)


def _when_ready(server: Any) -> None:
    """Leave connections that say nothing to the kernel, where it knows how (Linux)."""
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        for listener in server.LISTENERS:
            if listener.sock.family != socket.AF_UNIX:
                listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 10)


def _post_fork(_server: Any, worker: Any) -> None:
    """A worker never outlives its arbiter: it would hold the port against the next one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != worker.ppid:
        sys.exit(0)


def _child_exit(_server: Any, worker: Any) -> None:
    process_files.forget(worker.pid)


def _on_exit(_server: Any) -> None:
    process_files.remove()


def _post_worker_init(worker: Any) -> None:
    sys.setswitchinterval(_SWITCH_SECONDS)
    # What was loaded so far stays for good: the collector need not walk through it for every few hundred lists that requests make.
    gc.freeze()
    gc.set_threshold(_LISTS_BETWEEN_COLLECTIONS, 20, 20)
    threading.Thread(target=_keep_certificate_in_date, args=(worker.app.settings,), daemon=True).start()


def _keep_certificate_in_date(settings: Settings) -> None:
    """Renew the server certificate while the server runs; new connections are given it without a restart."""
    while True:
        time.sleep(_CHECK_CERTIFICATE_SECONDS)
        try:
            ensure_server_certificate(settings)
        except (SignetError, OSError, Timeout):
            _log.exception("the server certificate could not be renewed")
