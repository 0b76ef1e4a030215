"""What each container may do, whom it can reach and who can reach it; and what judges of TLS say of nginx."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.containers.running import PARTS, ROOT, Containers
from tests.judges import JUDGE, sslyze_in
from tests.left_out import leave_out

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900), pytest.mark.xdist_group("containers")]

# What may listen in a container, to the networks that it is in; only the proxy's is published. The kernel's words for it:
LISTEN = "0A"
LISTENING = {
    "api": set[int](),
    "worker": set[int](),
    "db": {5432},
    "mlflow": {5000},
    "ui": {8501},
    "proxy": {8443, 8501, 5443},
}
each_part = pytest.mark.parametrize("part", PARTS)


def test_each_part_is_well(containers: Containers) -> None:
    found = containers.inspected()
    assert {name: each["State"].get("Health", {}).get("Status") for name, each in found.items() if name != "init"} == (
        dict.fromkeys(PARTS, "healthy")
    )
    assert (found["init"]["State"]["Status"], found["init"]["State"]["ExitCode"]) == ("exited", 0)


@each_part
def test_a_part_may_do_nothing_that_it_need_not(containers: Containers, part: str) -> None:
    found = containers.inspected()[part]
    host = found["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"], host["Privileged"]) == (True, ["ALL"], None, False)
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert not [each for each in host["SecurityOpt"] if "unconfined" in each]
    assert (host["PidMode"], host["UsernsMode"], host["NetworkMode"] == "host") == ("", "", False)
    assert host["Memory"] > 0 < host["PidsLimit"]
    assert not [mount for mount in found["Mounts"] if mount["Source"].endswith("docker.sock")]
    # Of every process that runs there, as the kernel has it.
    told = containers.inside(part, "sh", "-c", "cat /proc/[0-9]*/status")
    processes = told.split("Name:\t")[1:]
    assert len(processes) >= 2
    for process in processes:
        words = dict(re.findall(r"^(\w+):\t(.*)$", process, re.MULTILINE))
        assert "0" not in words["Uid"].split() + words["Gid"].split(), process
        assert {words[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}, process
        assert (words["NoNewPrivs"], words["Seccomp"]) == ("1", "2"), process
    for place in ("/", "/etc", "/usr/bin", "/opt"):
        assert "Read-only file system" in containers.inside(part, "touch", f"{place}/probe")


@each_part
def test_nothing_listens_but_what_must(containers: Containers, part: str) -> None:
    told = containers.inside(part, "cat", "/proc/net/tcp", "/proc/net/tcp6")
    lines = [line.split() for line in told.splitlines()]
    local = [words[1] for words in lines if len(words) > 3 and words[3] == LISTEN]
    # The engine's own name server listens on 127.0.0.11.
    ports = {int(address.rpartition(":")[2], 16) for address in local if not address.startswith("0B00007F")}
    assert ports == LISTENING[part]


def test_only_the_proxy_can_be_reached_from_outside(containers: Containers) -> None:
    published = {name: each["NetworkSettings"]["Ports"] for name, each in containers.inspected().items()}
    bound = {name: [b for ports in each.values() for b in ports or []] for name, each in published.items()}
    assert [name for name, each in bound.items() if each] == ["proxy"]
    assert {each["HostIp"] for each in bound["proxy"]} == {"127.0.0.1"}
    assert {int(each["HostPort"]) for each in bound["proxy"]} == set(containers.ports.values())


def test_the_proxy_cannot_reach_the_database(containers: Containers) -> None:
    assert containers.inside("proxy", "sh", "-c", "getent hosts db || echo unknown").strip() == "unknown"
    address = containers.inside("db", "hostname", "-i").split()[0]
    reached = containers.inside("proxy", "curl", "-sS", "-m", "3", f"telnet://{address}:5432")
    assert "curl: (" in reached


def test_no_secret_is_in_a_setting_and_each_part_has_its_own_keys_alone(containers: Containers) -> None:
    shown = json.dumps(containers.inspected())
    for name in ("postgres_password", "database_password", "key_encryption_key"):
        secret = ROOT / "compose" / "secrets" / name
        assert secret.stat().st_mode & 0o777 == 0o440
        assert secret.read_text().strip() not in shown
    reachable = {
        part: containers.inside(part, "find", "/var/lib/signet/certs", "/run/secrets", "-type", "f")
        for part in ("ui", "worker", "mlflow")
    }
    for part, files in reachable.items():
        assert "authority" not in files, part
        assert "key_encryption_key" not in files, part
    assert "database_password" not in reachable["ui"]
    assert "authority" in containers.inside("api", "find", "/var/lib/signet/certs", "-type", "f")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sslyze_in(tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("part", ["api", "ui", "mlflow"])
def test_mozillas_guidance(containers: Containers, judge: Path, tmp_path: Path, part: str) -> None:
    report = tmp_path / "report.json"
    scans = (
        "certinfo",
        "tlsv1_2",
        "tlsv1_3",
        "reneg",
        "resum",
        "compression",
        "robot",
        "elliptic_curves",
        "heartbleed",
    )
    command = [judge, *(f"--{scan}" for scan in scans), "--certinfo_ca_file", containers.ca]
    command += ["--mozilla_config", "intermediate", "--json_out", report, f"localhost:{containers.ports[part]}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, "OK - Compliant" in run.stdout) == (0, True), f"{JUDGE}: {run.stdout[-3000:]}"
    (scanned,) = json.loads(report.read_text())["server_scan_results"]
    resumed = scanned["scan_result"]["session_resumption"]["result"]
    assert resumed["session_id_resumption_result"] == "NOT_SUPPORTED"
    assert resumed["tls_ticket_resumption_result"] == "NOT_SUPPORTED"


# What testssl.sh finds and is as it must be; its versions add to these names.
KNOWN = {
    "cipher_order": "all that are offered are good, so the caller takes what its processor does best, as Mozilla's guidance has it",
    "cert_revocation": "the server's certificate is replaced by the platform itself, and nobody but its own callers trusts its authority",
    "DNS_CAArecord": "the name is this machine's",
    "HSTS": "a browser keeps it for all ports of a name, and this name is localhost; there is no plain listener that it could keep from",
}


@pytest.mark.parametrize("part", ["api", "ui", "mlflow"])
def test_testssl_finds_nothing(containers: Containers, tmp_path: Path, part: str) -> None:
    testssl = shutil.which("testssl") or shutil.which("testssl.sh")
    if testssl is None:
        leave_out("this machine has no testssl.sh")
    report = tmp_path / "report.json"
    command = [testssl, "--quiet", "--warnings", "batch", "--add-ca", containers.ca, "--jsonfile", report]
    run = subprocess.run(
        [*command, f"localhost:{containers.ports[part]}"], capture_output=True, text=True, timeout=600, check=False
    )
    found = json.loads(report.read_text())
    assert len(found) > 50, run.stdout[-3000:]
    bad = [each for each in found if each["severity"] in {"LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL", "WARN"}]
    assert [each for each in bad if not each["id"].startswith(tuple(KNOWN))] == []
