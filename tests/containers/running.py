"""The platform in containers, as `make up` and `make down` bring it up and take it down, under a name and on ports of its own."""

import json
import os
import shlex
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx

from tests.e2e.running import free_ports, wait_for

ROOT = Path(__file__).resolve().parents[2]
# Another checkout on the same machine has others.
HERE = f"{crc32(str(ROOT).encode()):08x}"
PROJECT, TAG = f"signet-test-{HERE}", f"test-{HERE}"
SECONDS = 900

PASSWORD = "correct horse battery staple"
BIKES = ROOT / "docs" / "examples" / "bikes.csv"
DAY = {"date": "2025-07-05", "weather": "sunny", "temperature": 24.5, "holiday": False}
PARTS = ("api", "db", "mlflow", "proxy", "ui", "worker")


def predicts(client: httpx.Client, model: str) -> int:
    """The status of a prediction's answer."""
    return client.post(f"/v1/models/{model}/predict", json={"features": DAY}).status_code


def ended(client: httpx.Client, job: str, seconds: float = 180) -> dict[str, Any]:
    """The training job when it has ended."""

    def found() -> dict[str, Any] | None:
        asked = client.get(f"/v1/jobs/{job}")
        told: dict[str, Any] = asked.json() if asked.is_success else {"state": "unknown"}
        return told if told["state"] in {"succeeded", "failed", "cancelled"} else None

    return wait_for(found, seconds=seconds, what="the training")


@dataclass
class Containers:
    """A project of its own beside whatever else runs on this machine."""

    said: str = ""
    scale: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(
        default_factory=lambda: dict(zip(("api", "ui", "mlflow"), free_ports(3), strict=True))
    )

    @property
    def environment(self) -> dict[str, str]:
        names = {"api": "SIGNET_PORT", "ui": "SIGNET_UI_PORT", "mlflow": "SIGNET_MLFLOW_PORT"}
        ports = {names[part]: str(port) for part, port in self.ports.items()}
        return os.environ | ports | {"COMPOSE_PROJECT_NAME": PROJECT, "SIGNET_TAG": TAG} | self.scale

    def make(self, target: str) -> str:
        """What `make up` or `make down` prints; they are to succeed."""
        command = ["make", target, f"COMPOSE={os.environ.get('COMPOSE', 'docker compose')}"]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return done.stdout

    def compose(self, *words: str) -> str:
        """What compose prints; it is to succeed."""
        done = self.try_compose(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_compose(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [*shlex.split(os.environ.get("COMPOSE", "docker compose")), *words]
        return subprocess.run(
            command,
            cwd=ROOT / "compose",
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def inspected(self) -> dict[str, Any]:
        """What the engine knows of each container, by service; of the first one where there are several."""
        ids = self.compose("ps", "--all", "--quiet").split()
        found = json.loads(subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True).stdout)
        found.sort(key=lambda each: int(each["Config"]["Labels"]["com.docker.compose.container-number"]), reverse=True)
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}

    def inside(self, service: str, *words: str) -> str:
        """What a command prints in the container of a service, failed or not."""
        done = self.try_compose("exec", "-T", service, *words)
        return done.stdout + done.stderr

    def url(self, part: str) -> str:
        return f"https://localhost:{self.ports[part]}"

    @property
    def ca(self) -> Path:
        return ROOT / "compose" / "ca.pem"

    @contextmanager
    def client(self, part: str = "api", certificate: Path | None = None, **more: Any) -> Iterator[httpx.Client]:
        """A client that trusts the platform's authority alone."""
        trust = ssl.create_default_context(cafile=self.ca)
        if certificate is not None:
            trust.load_cert_chain(certificate)
        with httpx.Client(base_url=self.url(part), verify=trust, trust_env=False, timeout=60, **more) as client:
            yield client

    @contextmanager
    def person(self, username: str, password: str) -> Iterator[httpx.Client]:
        """Somebody who is signed in to the API."""
        with self.client() as client:
            answer = client.post("/login", json={"username": username, "password": password})
            assert answer.status_code == 200, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client
