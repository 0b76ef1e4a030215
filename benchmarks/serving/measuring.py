"""One cell of the table: one server, one question, so many connections, for some seconds."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.serving.installing import load_generator
from benchmarks.serving.ours import trust
from benchmarks.serving.servers import Running, Server, cpu_seconds, memory_mb, memory_once_mb

# Compiled forms and float32 sums differ in the last bits.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Figures:
    """Requests a second, latencies in milliseconds, resident memory (as it is, and with shared pages counted once), how busy the
    load generator was, what one request cost the server in microseconds of processor time, and how many processors other programs used.
    """

    rate: float
    p50: float
    p99: float
    memory_mb: float
    memory_once_mb: float
    load_cpu: float
    server_us: float
    others_cpu: float


@dataclass(frozen=True)
class Plan:
    """How long each cell is measured, and where the load generator runs."""

    seconds: float
    warm_up: float
    cpus: frozenset[int]
    folder: Path


def verify(server: Server, case: str, expected: float | None) -> None:
    """The server gives the first row the same probability as XGBoost itself."""
    ask = server.asks[case]
    with httpx.Client(verify=trust(server), trust_env=False, timeout=60) as http:
        answer = http.request(
            "POST" if ask.body else "GET", server.url + ask.path, headers=dict(ask.headers), content=ask.body
        )
    if answer.status_code != 200:
        raise RuntimeError(f"{server.name}, {case}: {answer.status_code} {answer.text[:500]}")
    found = ask.read(answer)
    if expected is not None and abs(found - expected) > TOLERANCE:
        raise RuntimeError(f"{server.name}, {case}: {found} is not {expected}")


def measure(
    running: Running, server: Server, case: str, connections: int, plan: Plan, *, fresh: bool = False
) -> Figures:
    """Load the server; every answer must be 200 and no connection may fail."""
    processes = running.processes(server)
    before, everything, begun = cpu_seconds(processes), _busy(), time.monotonic()
    said = json.loads(_load(server, case, connections, plan, fresh=fresh))
    used = cpu_seconds(processes) - before
    seconds = time.monotonic() - begun
    foreign = max(0.0, (_busy() - everything - used) / seconds - said["cpu"])
    if said["errors"] or said["refused"] or not said["requests"]:
        raise RuntimeError(f"{server.name}, {case}, {connections} connections: {said}")
    processes = running.processes(server)
    return Figures(
        said["rate"],
        said["p50"] / 1000,
        said["p99"] / 1000,
        memory_mb(processes),
        memory_once_mb(processes),
        said["cpu"],
        used / said["total"] * 1e6,
        foreign,
    )


def _busy() -> float:
    """Seconds that the processors of this machine have worked, all together."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _load(server: Server, case: str, connections: int, plan: Plan, *, fresh: bool) -> str:
    ask = server.asks[case]
    body = plan.folder / f"body-{server.port}-{sorted(server.asks).index(case)}"
    if ask.body and not body.exists():
        body.write_bytes(ask.body)
    argv = [str(load_generator()), "--connections", str(connections), "--seconds", str(plan.seconds)]
    argv += ["--warm-up", str(plan.warm_up), "--path", ask.path, *(["--body", str(body)] if ask.body else [])]
    argv += [word for name, value in ask.headers.items() for word in ("--header", f"{name}: {value}")]
    if server.tls is not None:
        argv += ["--ca", str(server.tls.ca), "--cert", str(server.tls.certificate), "--key", str(server.tls.key)]
    argv += ["--fresh"] if fresh else []
    done = subprocess.run(
        [*argv, str(server.port)], check=False, capture_output=True, text=True,
        timeout=plan.seconds + plan.warm_up + 120, preexec_fn=lambda: os.sched_setaffinity(0, plan.cpus),
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{server.name}, {case}, {connections} connections: {done.stderr}")
    return done.stdout
