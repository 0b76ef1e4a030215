"""nginx: as we ship it, before our server; and with a constant answer, which shows what the load generator can measure."""

import os
import shutil
from pathlib import Path

from backend.settings import REPOSITORY
from benchmarks.serving.home import Home
from benchmarks.serving.installing import nginx
from benchmarks.serving.servers import Ask, Command, Server, free_port

_SHIPPED = REPOSITORY / "compose" / "nginx"


def proxy(home: Home, folder: Path, port: int, socket_of_api: Path, cpus: frozenset[int]) -> Command:
    """Our own configuration, its places and its port those of the benchmark."""
    own = folder / f"nginx-{port}"
    shutil.copytree(_SHIPPED, own)
    file = own / "nginx.conf"
    text = file.read_text("utf-8")
    for shipped, here in {
        "/run/nginx/": f"{own}/",
        "/run/signet/api.sock": str(socket_of_api),
        "/etc/signet/certs": str(home.folder / "certs"),
        "listen [::]:8443 ssl;": "",
        "listen 8443": f"listen 127.0.0.1:{port}",
        "worker_processes auto;": _PROCESS,
    }.items():
        if shipped not in text:
            raise ValueError(f"{_SHIPPED / 'nginx.conf'} has no {shipped!r} any more")
        text = text.replace(shipped, here)
    file.write_text(text, "utf-8")
    return Command([nginx(), "-p", str(own), "-c", str(file), "-e", "stderr"], cpus)


def constant(home: Home, folder: Path, cpus: frozenset[int], *, tls: bool) -> Server:
    """nginx that answers at once, with or without TLS and a client certificate."""
    port = free_port()
    own = folder / f"nginx-{port}"
    own.mkdir()
    places = " ".join(
        f"{name}_temp_path {own}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    certs = home.folder / "certs"
    ending = f"""
        ssl_certificate {certs}/server.pem; ssl_certificate_key {certs}/server.key; ssl_session_tickets off;
        ssl_client_certificate {certs}/ca.pem; ssl_verify_client optional_no_ca;"""
    (own / "nginx.conf").write_text(
        f"""{_PROCESS} pid {own}/pid; error_log stderr; events {{ worker_connections 1024; }}
    http {{
        access_log off; keepalive_requests 10000000; {places}
        server {{
            listen 127.0.0.1:{port}{" ssl" if tls else ""};{ending if tls else ""}
            location / {{ return 200 '0.5'; }}
        }}
    }}""",
        "utf-8",
    )
    name = f"nginx, constant answer{', TLS with client certificate' if tls else ''}"
    ask = Ask("/", {}, b"", lambda answer: float(answer.text))
    command = Command([nginx(), "-c", str(own / "nginx.conf"), "-e", "stderr"], cpus)
    return Server(name, "reference", port, {"constant": ask}, [command], home.tls if tls else None)


# Started by root, a worker process would otherwise be nobody, who may not open what is root's.
_PROCESS = "worker_processes 1; daemon off;" + (" user root;" if os.geteuid() == 0 else "")
