"""nginx before the web app and MLflow: what it hands on, what it takes away, and where it sends people who are not signed in."""

import contextlib
import http.client
import http.server
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.identity.authority import ensure_authority
from backend.settings import Settings
from tests.containers.nginx_here import nginx_in

pytestmark = [pytest.mark.nginx, pytest.mark.xdist_group("nginx")]

ORIGIN = "https://signet.example.org:8501"
PAGE = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


class Part(http.server.BaseHTTPRequestHandler):
    """Stands for the web app and for MLflow: tells which headers arrived, or refuses as MLflow does."""

    def do_GET(self) -> None:
        refused = self.path.startswith("/private") and "Authorization" not in self.headers
        told = json.dumps([[name.lower(), value] for name, value in self.headers.items()]).encode()
        self.send_response(401 if refused else 200)
        if refused and "Sec-Fetch-Mode" not in self.headers:
            self.send_header("WWW-Authenticate", 'Basic realm="Signet"')
        self.send_header("Set-Cookie", "left=1")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *words: object) -> None:
        """Nothing to tell."""


@dataclass
class Proxy:
    web_app: int
    mlflow: int
    ca: Path

    def get(self, port: int, path: str = "/", **headers: str) -> http.client.HTTPResponse:
        context = ssl.create_default_context(cafile=self.ca)
        with contextlib.closing(http.client.HTTPSConnection("localhost", port, context=context, timeout=20)) as asked:
            asked.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = asked.getresponse()
            self.body = answer.read()
            return answer

    def arrived(self, port: int, **headers: str) -> dict[str, str]:
        assert self.get(port, **headers).status == 200, self.body
        return dict(json.loads(self.body))


def _serve(context: ssl.SSLContext | None) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Part)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    settings = Settings(home=folder / "home")
    ensure_authority(settings)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(settings.certs / "server.pem", settings.certs / "server.key")
    web_app, mlflow = _serve(tls), _serve(None)
    places = {
        "SIGNET_WEB_ORIGIN": ORIGIN,
        "SIGNET_WEB_APP_URL": f"https://127.0.0.1:{web_app.server_address[1]}",
        "SIGNET_MLFLOW_URL": f"http://127.0.0.1:{mlflow.server_address[1]}",
    }
    try:
        with nginx_in(folder, settings.certs, **places) as ports:
            running = Proxy(ports["web_app"], ports["mlflow"], settings.certs / "ca.pem")
            assert running.get(running.mlflow).status == 200
            yield running
    finally:
        for server in (web_app, mlflow):
            server.shutdown()
            server.server_close()


@pytest.mark.parametrize("part", ["web_app", "mlflow"])
def test_what_a_caller_says_of_its_way_and_its_certificate_is_taken_out(proxy: Proxy, part: str) -> None:
    forged = dict.fromkeys(
        ("Client_Cert", "X_SSL_Client_Cert", "X_Forwarded_Client_Cert", "Forwarded", "X_Real_IP", "X_Forwarded_Host"),
        "forged",
    )
    port = getattr(proxy, part)
    found = proxy.arrived(port, **forged, X_Forwarded_For="192.0.2.9", X_Forwarded_Proto="http")
    assert "forged" not in found.values()
    assert (found["x-forwarded-for"], found["x-forwarded-proto"]) == ("127.0.0.1", "https")
    assert found["host"] == f"localhost:{port}"


def test_the_web_app_has_its_cookies_and_mlflow_has_that_of_the_session_alone(proxy: Proxy) -> None:
    cookies = "a=1; __Host-signet=abc_DEF-1; b=2"
    assert proxy.arrived(proxy.web_app, Cookie=cookies)["cookie"] == cookies
    assert proxy.arrived(proxy.mlflow, Cookie=cookies)["cookie"] == "__Host-signet=abc_DEF-1"
    for other in ("a=1", "x__Host-signet=abc", "a=1; b__Host-signet=abc"):
        assert "cookie" not in proxy.arrived(proxy.mlflow, Cookie=other)
    assert proxy.get(proxy.mlflow).headers["Set-Cookie"] is None


def test_a_person_who_is_not_signed_in_is_sent_to_the_web_app(proxy: Proxy) -> None:
    for headers in (PAGE, {"Accept": "text/html,*/*"}):
        answer = proxy.get(proxy.mlflow, "/private", **headers)
        assert (answer.status, answer.headers["Location"]) == (302, f"{ORIGIN}/")


def test_a_page_is_told_so_without_a_window_that_asks_for_a_password(proxy: Proxy) -> None:
    answer = proxy.get(proxy.mlflow, "/private", Sec_Fetch_Mode="cors", Accept="*/*")
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, None)


def test_a_program_is_told_how_to_sign_in(proxy: Proxy) -> None:
    answer = proxy.get(proxy.mlflow, "/private", Accept="*/*")
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="Signet"')
    assert b"token" in proxy.body
    assert proxy.get(proxy.mlflow, "/private", Authorization="Bearer x").status == 200


@pytest.mark.parametrize("part", ["web_app", "mlflow"])
def test_browsers_are_not_asked_for_a_certificate_and_sessions_are_not_resumed(proxy: Proxy, part: str) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=proxy.ca)
        context.minimum_version = context.maximum_version = version
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{getattr(proxy, part)}", "-CAfile", str(proxy.ca)]
        protocol = "-tls1_2" if version is ssl.TLSVersion.TLSv1_2 else "-tls1_3"
        said = subprocess.run(
            [*command, protocol, "-reconnect"], input=b"", capture_output=True, timeout=30, check=False
        ).stdout.decode()
        assert "No client certificate CA names sent" in said
        assert "Verify return code: 0 (ok)" in said
        assert "Reused," not in said
