"""What the container files promise, read from the files: no engine is needed."""

import fnmatch
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.identity.handing_out import NEEDED

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = ["backend.Dockerfile", "frontend.Dockerfile"]
each_service = pytest.mark.parametrize("name", sorted(SERVICES))
each_image = pytest.mark.parametrize("file", DOCKERFILES)


def text_of(file: str) -> str:
    return (ROOT / file).read_text("utf-8")


def instructions(file: str) -> list[str]:
    """The lines of a Dockerfile, continued ones as one, without comments."""
    lines = [line for line in text_of(file).splitlines() if not line.lstrip().startswith("#")]
    return [line for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines() if line.strip()]


@each_service
def test_a_service_may_do_nothing_that_it_need_not(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert service["pids_limit"] <= 512
    assert service["mem_limit"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert not {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "userns_mode"} & service.keys()
    assert not any("docker.sock" in str(mount) for mount in service.get("volumes", []))


@each_service
def test_a_service_is_nobody_of_the_machine(name: str) -> None:
    service = SERVICES[name]
    if "build" in service:
        user = next(line for line in instructions(service["build"]["dockerfile"]) if line.startswith("USER"))
        assert user == "USER 10001:10001"
        assert "user" not in service
    else:
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])


def test_only_the_proxy_publishes_ports_and_only_here_unless_told() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["proxy"]
    assert all(port.startswith("${SIGNET_ADDRESS:-127.0.0.1}:") for port in published["proxy"])


def test_networks_keep_apart_what_need_not_meet() -> None:
    networks = COMPOSE["networks"]
    assert [name for name, network in networks.items() if not network.get("internal")] == ["edge"]
    members = {net: {name for name, service in SERVICES.items() if net in service["networks"]} for net in networks}
    assert members["edge"] == {"proxy"}
    assert members["web"] == {"proxy", "ui"}
    assert members["data"] == {"db", "init", "mlflow", "api", "worker"}
    assert not {"proxy", "ui"} & (members["data"] | members["tracking"])


@each_service
def test_no_secret_is_in_the_environment_or_the_command(name: str) -> None:
    service = SERVICES[name]
    for variable, value in service.get("environment", {}).items():
        assert variable.endswith("_FILE") or not re.search("PASSWORD|TOKEN|SECRET|_KEY", variable), variable
        assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), variable
    assert "password" not in str([service.get("command"), service.get("entrypoint")]).lower()


def test_secrets_are_files_that_git_never_sees() -> None:
    assert {secret.keys() == {"file"} for secret in COMPOSE["secrets"].values()} == {True}
    for secret in COMPOSE["secrets"].values():
        path = ROOT / "compose" / secret["file"]
        ignored = ["git", "-C", str(ROOT), "check-ignore", "-q", str(path.relative_to(ROOT))]
        if (ROOT / ".git").exists():
            assert subprocess.run(ignored, check=False).returncode == 0
        assert path.stem in text_of("compose/up.sh")
    # What opens the authority's keys is for those alone that sign.
    holders = {name for name, each in SERVICES.items() if "signet_key_encryption_key" in each.get("secrets", [])}
    assert holders == {"init", "api"}
    assert {name for name, each in SERVICES.items() if "postgres_password" in each.get("secrets", [])} == {"db"}


def test_each_part_sees_only_its_own_certificates() -> None:
    def holders(volume: str) -> set[str]:
        def names(mount: Any) -> bool:
            return mount["source"] == volume if isinstance(mount, dict) else mount.split(":")[0] == volume

        return {name for name, service in SERVICES.items() if any(map(names, service.get("volumes", [])))}

    assert holders("certs") == {"init", "api"}
    parts = {"proxy": "proxy", "web-app": "ui", "worker": "worker", "mlflow": "mlflow"}
    assert parts.keys() == NEEDED.keys()
    for folder, service in parts.items():
        assert holders(f"{folder}-files") == {"init", "api", service}


@each_service
def test_nothing_starts_before_what_it_needs_is_well(name: str) -> None:
    service = SERVICES[name]
    conditions = {other: wish["condition"] for other, wish in service.get("depends_on", {}).items()}
    for other, condition in conditions.items():
        assert condition == ("service_completed_successfully" if other == "init" else "service_healthy")
    assert name == "init" or "healthcheck" in service or "HEALTHCHECK" in text_of(service["build"]["dockerfile"])


@each_image
def test_an_image_is_built_from_the_lock_and_holds_no_compiler(file: str) -> None:
    assert "# syntax" not in text_of(file)
    lines = instructions(file)
    stages = [index for index, line in enumerate(lines) if line.startswith("FROM")]
    assert len(stages) == 2
    build, final = "\n".join(lines[stages[0] : stages[1]]), lines[stages[1] :]
    assert "--no-deps --require-hashes --only-binary :all:" in build
    assert not [line for line in final if line.startswith("RUN")]
    assert next(line for line in final if line.startswith("HEALTHCHECK")).count('"python", "-I"') == 1
    assert [line for line in final if line.startswith("COPY") and "--from=build" not in line] == []
    labels = re.findall(r"org\.opencontainers\.image\.(\w+)=", text_of(file))
    assert {"title", "description", "licenses", "version", "revision", "created"} <= set(labels)
    assert not re.search(r"^(ARG|ENV).*(PASSWORD|TOKEN|SECRET|_KEY)", "\n".join(lines), re.MULTILINE)


def _is_sent(path: str) -> bool:
    """What .dockerignore says of a path: the last line that fits it, or a folder above it, decides."""
    sent = True
    for line in text_of(".dockerignore").split("\n"):
        pattern = line.strip().lstrip("!")
        if not pattern or pattern.startswith("#"):
            continue
        above = [path, *map(str, Path(path).parents)]
        anywhere = pattern.removeprefix("**/")
        fits = [
            each
            for each in above
            if fnmatch.fnmatchcase(each if anywhere == pattern else Path(each).name, anywhere) and each != "."
        ]
        if fits:
            sent = line.strip().startswith("!")
    return sent


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("backend/settings.py", True),
        ("frontend/.streamlit/config.toml", True),
        ("client/signet_client/client.py", True),
        ("compose/probe.py", True),
        ("requirements-backend.txt", True),
        ("certs/server.key", False),
        ("certs/authority/root-ca.pem", False),
        ("data/signet.db", False),
        ("mlruns/mlflow.db", False),
        ("compose/secrets/database_password", False),
        ("compose/.env", False),
        (".git/config", False),
        (".env", False),
        ("backend/.env", False),
        ("backend/left.pem", False),
        ("frontend/server.key", False),
        ("tests/conftest.py", False),
    ],
)
def test_only_what_an_image_holds_is_sent_to_the_engine(path: str, sent: object) -> None:
    assert _is_sent(path) is sent


def test_the_page_names_every_variable_and_no_other() -> None:
    page = text_of("docs/containers.md")
    table = page.partition("| variable |")[2].partition("**Secrets")[0]
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", table))
    read = set(re.findall(r"\$\{([A-Z_]+):-", text_of("compose/compose.yaml")))
    # What the image's label says of its origin, `make up` finds out.
    ours = {f"SIGNET_{each}" for each in ("TAG", "VERSION", "REVISION", "CREATED", "SECRETS_GID")}
    assert named == read - ours - {"SOURCE_DATE_EPOCH"}
