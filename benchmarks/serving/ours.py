"""Our server, as it is deployed: TLS, client certificate, authorisation and validation on; embedded, and behind nginx."""

import json
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from backend.settings import Settings
from backend.supervision.roles import platform_roles
from benchmarks.serving.data import as_json, numbers
from benchmarks.serving.home import MODEL, Home
from benchmarks.serving.installing import nginx
from benchmarks.serving.servers import Ask, Command, Server, free_port

BINARY = ", binary"
EMBEDDED, PROXIED, ONE_CORE = "Signet, embedded TLS", "Signet behind nginx", "Signet behind nginx, one core"
_PREDICT, _INFER = f"/v1/models/{MODEL}/predict", f"/v2/models/{MODEL}/infer"


@dataclass(frozen=True)
class Cpus:
    """Which processors the servers have, and which the load generator has."""

    server: frozenset[int]
    load: frozenset[int]


def ours(home: Home, tables: Mapping[str, NDArray[np.float32]], cpus: Cpus, folder: Path) -> list[Server]:
    """Embedded, behind nginx beside the load generator, and behind nginx on the one processor of the server."""
    asks = {case: _json_ask(table) for case, table in tables.items()}
    asks |= {case + BINARY: _binary_ask(table) for case, table in tables.items() if len(table) > 1}
    api = _api_command(home, cpus)
    embedded = Server(EMBEDDED, "ours", _port(home, "PORT"), asks, [api], home.tls)
    path = folder / "api.sock"
    behind = _api_command(home, cpus, SIGNET_PROXY_SOCKET=str(path))
    behind = Command(behind.argv, behind.cpus, behind.environment, ready=lambda: _answers(path))
    ports = free_port(), free_port()
    proxied = Server(
        PROXIED, "ours", ports[0], asks, [behind, _nginx(home, folder, ports[0], path, cpus.load)], home.tls
    )
    one = _nginx(home, folder, ports[1], path, cpus.server)
    return [embedded, proxied, Server(ONE_CORE, "ours", ports[1], asks, [one], home.tls, shares=proxied.name)]


def registry(home: Home, cpus: Cpus) -> Server:
    """The platform's MLflow, which our server asks for aliases all the time, as it does when deployed."""
    command = Command(home.command("mlflow"), cpus.load, home.environment)
    return Server("MLflow of the platform", "reference", _port(home, "MLFLOW_PORT"), {}, [command])


def constant(home: Home, folder: Path, cpus: frozenset[int], *, tls: bool) -> Server:
    """nginx that answers at once: what the load generator can measure at most."""
    port = free_port()
    listen = f"listen 127.0.0.1:{port}{' ssl' if tls else ''}; {_tls_lines(home) if tls else ''}"
    text = _nginx_text(folder, port, f"server {{ {listen} location / {{ return 200 '0.5'; }} }}")
    ask = Ask("/", {}, b"", lambda answer: float(answer.text))
    name = f"nginx, constant answer{', TLS with client certificate' if tls else ''}"
    return Server(
        name,
        "reference",
        port,
        {"constant": ask},
        [_nginx_command(folder, port, text, cpus)],
        home.tls if tls else None,
    )


def _api_command(home: Home, cpus: Cpus, **more: str) -> Command:
    """As the supervisor starts it: its own command line, and its own settings of OpenSSL."""
    role = next(role for role in platform_roles(Settings(home=home.folder), 0.0) if role.name == "api")
    openssl = {"OPENSSL_CONF": str(role.openssl)} if role.openssl else {}
    return Command(role.argv, cpus.server, {**home.environment, **openssl, **more})


def _json_ask(table: NDArray[np.float32]) -> Ask:
    one = len(table) == 1
    rows = numbers(table)

    def read(answer: httpx.Response) -> float:
        shares = answer.json()["probabilities"]
        return float((shares if one else shares[0])["1"])

    return Ask(_PREDICT, {"Content-Type": "application/json"}, as_json({"features": rows[0] if one else rows}), read)


def _binary_ask(table: NDArray[np.float32]) -> Ask:
    """The Open Inference Protocol's binary tensors, in and out: labels and probabilities of all rows."""
    raw = table.astype("<f4").tobytes()
    tensor = {"name": "x", "datatype": "FP32", "shape": list(table.shape), "parameters": {"binary_data_size": len(raw)}}
    head = as_json({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    length = "Inference-Header-Content-Length"

    def read(answer: httpx.Response) -> float:
        end = int(answer.headers[length])
        for out in json.loads(answer.content[:end])["outputs"]:
            size = out["parameters"]["binary_data_size"]
            if out["name"] == "probabilities":
                return float(np.frombuffer(answer.content[end : end + size], "<f8")[1])
            end += size
        raise ValueError("no probabilities")

    return Ask(_INFER, {length: str(len(head)), "Content-Type": "application/octet-stream"}, head + raw, read)


def _nginx(home: Home, folder: Path, port: int, path: Path, cpus: frozenset[int]) -> Command:
    """A proxy that ends TLS, asks for the client's certificate and hands it on as RFC 9440 says."""
    lines = "".join(rf"(?:(?<c{i}>[A-Za-z0-9+/=]+)\n)?" for i in range(1, 41))
    value = ":" + "".join(f"$c{i}" for i in range(1, 41)) + ":"
    text = f"""
    map $ssl_client_raw_cert $client_cert {{
        "~^-----BEGIN CERTIFICATE-----\\n{lines}-----END" "{value}";
    }}
    upstream api {{ server unix:{path}; keepalive 64; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        {_tls_lines(home)}
        client_max_body_size 16m;
        client_body_buffer_size 1m;
        location / {{
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header Client-Cert $client_cert;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_buffer_size 16k;
            proxy_buffers 32 16k;
        }}
    }}"""
    return _nginx_command(folder, port, _nginx_text(folder, port, text), cpus)


def _tls_lines(home: Home) -> str:
    certs = home.folder / "certs"
    return f"""ssl_certificate {certs}/server.pem; ssl_certificate_key {certs}/server.key;
        ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off;
        ssl_verify_client optional_no_ca; ssl_client_certificate {certs}/ca.pem;"""


def _nginx_text(folder: Path, port: int, servers: str) -> str:
    temporary = " ".join(
        f"{name}_temp_path {folder}/nginx-{port}-{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    return f"""
daemon off; worker_processes 1; {user} pid {folder}/nginx-{port}.pid; error_log {folder}/nginx-{port}.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 10000000; keepalive_timeout 75s; map_hash_bucket_size 256;
    {temporary}
    {servers}
}}
"""


def _nginx_command(folder: Path, port: int, text: str, cpus: frozenset[int]) -> Command:
    path = folder / f"nginx-{port}.conf"
    path.write_text(text, "utf-8")
    return Command([nginx(), "-c", str(path)], cpus)


def _port(home: Home, name: str) -> int:
    return int(home.environment[f"SIGNET_{name}"])


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def trust(server: Server) -> ssl.SSLContext | bool:
    """What a caller's library is given for that server."""
    if server.tls is None:
        return False
    context = ssl.create_default_context(cafile=server.tls.ca)
    context.load_cert_chain(server.tls.certificate, server.tls.key)
    return context
