"""Our server, as it is deployed: TLS, client certificate, authorisation and validation on; embedded, and behind nginx."""

import json
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
from benchmarks.serving.proxies import proxy
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
        PROXIED, "ours", ports[0], asks, [behind, proxy(home, folder, ports[0], path, cpus.load)], home.tls
    )
    one = proxy(home, folder, ports[1], path, cpus.server)
    return [embedded, proxied, Server(ONE_CORE, "ours", ports[1], asks, [one], home.tls, shares=proxied.name)]


def registry(home: Home, cpus: Cpus) -> Server:
    """The platform's MLflow, which our server asks for aliases all the time, as it does when deployed."""
    command = Command(home.command("mlflow"), cpus.load, home.environment)
    return Server("MLflow of the platform", "reference", _port(home, "MLFLOW_PORT"), {}, [command])


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
