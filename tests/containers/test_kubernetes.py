"""What the kustomization promises: valid by Kubernetes' own schemas, hardened, and of the same shape as compose."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from backend.server.application import _GRACE_SECONDS
from backend.settings import Settings
from tests.containers.kustomization import Resource, apply, build, containers

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "compose" / "kubernetes"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BUILT = build(FOLDER)
METERED = apply(FOLDER / "autoscaling-by-metrics", BUILT)
DEPLOYMENTS = {each["metadata"]["name"]: each for each in BUILT if each["kind"] == "Deployment"}
PODS = {name: each["spec"]["template"]["spec"] for name, each in DEPLOYMENTS.items()}
# Each container is a service of compose; the API has nginx and what runs before it in its pod.
PARTS = {part["name"]: (name, part) for name, each in DEPLOYMENTS.items() for part in containers(each)}
# The oldest with all that is used here, and the newest that is known.
VERSIONS = ("1.30", "1.37")
COMPONENT = "app.kubernetes.io/component"

each_pod = pytest.mark.parametrize("name", sorted(PODS))
each_part = pytest.mark.parametrize("name", sorted(PARTS))


def named(kind: str, resources: list[Resource] = BUILT) -> dict[str, Resource]:
    return {each["metadata"]["name"]: each for each in resources if each["kind"] == kind}


def identity(resource: Resource) -> str:
    return f"{resource['kind']}-{resource['metadata']['name']}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resource", METERED, ids=identity)
def test_a_resource_is_one_of_kubernetes(resource: Resource, version: str) -> None:
    kubernetes_validate.validate(resource, version, strict=True)


def test_a_wrong_resource_would_be_seen() -> None:
    wrong = json.loads(json.dumps(DEPLOYMENTS["api"]))
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnlyRootFileSystem"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_every_name_is_given_once_and_every_file_is_used() -> None:
    assert len({identity(each) for each in METERED}) == len(METERED)
    wish = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
    written = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert written == {name for name in wish["resources"] if not name.startswith("..")}
    for folder in ("nginx", "people"):
        there = {path.name for path in (ROOT / "compose" / folder).iterdir()} - {"kustomization.yaml"}
        assert named("ConfigMap")[folder]["data"].keys() == there


@each_pod
def test_a_pod_is_nobody_and_may_do_nothing(name: str) -> None:
    pod = PODS[name]
    allowed = pod["securityContext"]
    assert allowed["runAsNonRoot"] is True
    assert (allowed["runAsUser"], allowed["runAsGroup"], allowed["fsGroup"]) == (10001, 10001, 10001)
    assert allowed["fsGroupChangePolicy"] == "OnRootMismatch"
    assert allowed["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & pod.keys()
    kinds = {next(iter(volume.keys() - {"name"})) for volume in pod["volumes"]}
    assert kinds <= {"persistentVolumeClaim", "emptyDir", "configMap", "secret"}
    assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume)


@each_part
def test_a_container_has_no_privilege_and_an_end_to_what_it_takes(name: str) -> None:
    part = PARTS[name][1]
    expected = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert part["securityContext"] == expected
    assert part["resources"]["limits"].keys() >= {"memory"}
    assert part["resources"]["requests"].keys() == {"cpu", "memory"}
    assert re.search(r":[\w.-]+$", part["image"])
    assert not part["image"].endswith(":latest")


@each_part
def test_a_container_takes_as_much_memory_as_with_compose(name: str) -> None:
    told = re.search(r"(\d+[gm])\}?$", SERVICES[name]["mem_limit"])
    assert told is not None
    assert PARTS[name][1]["resources"]["limits"]["memory"] == told[1].replace("g", "Gi").replace("m", "Mi")


def test_the_parts_are_those_of_compose_but_for_the_database() -> None:
    assert PARTS.keys() == SERVICES.keys() - {"db"}
    for name, (_, part) in PARTS.items():
        repository = part["image"].rpartition("/")[2].partition(":")[0]
        theirs = SERVICES[name]["image"]
        assert repository == "nginx" if name == "proxy" else theirs.startswith(f"{repository}:")
        if name not in {"ui", "proxy"}:
            assert part["args"] == SERVICES[name]["command"]


def _asked(service: str) -> list[str]:
    """How compose finds out that a part is well."""
    if "healthcheck" in SERVICES[service]:
        test: list[str] = SERVICES[service]["healthcheck"]["test"]
        return test[1:]
    file = (ROOT / SERVICES[service]["build"]["dockerfile"]).read_text("utf-8")
    found = re.search(r"HEALTHCHECK.*\\\n\s+CMD (\[.*\])", file)
    assert found is not None
    return list(json.loads(found[1]))


@pytest.mark.parametrize("name", ["api", "mlflow", "ui", "worker"])
def test_a_part_is_well_where_it_is_with_compose(name: str) -> None:
    part = PARTS[name][1]
    assert part["readinessProbe"]["exec"]["command"] == _asked(name)
    if name != "worker":
        assert part["startupProbe"]["exec"]["command"] == _asked(name)
        ready, live = (part[f"{kind}Probe"] for kind in ("readiness", "liveness"))
        # To be started anew takes longer than to be left out for a while.
        patience = [probe["periodSeconds"] * probe["failureThreshold"] for probe in (ready, live)]
        assert patience[0] < patience[1]


def test_nginx_is_asked_what_all_ask_of_it() -> None:
    proxy = PARTS["proxy"][1]
    assert proxy["readinessProbe"]["httpGet"] == {"scheme": "HTTPS", "port": "api", "path": "/health/live"}
    assert proxy["livenessProbe"]["tcpSocket"] == {"port": "api"}


def test_ports_are_those_of_compose() -> None:
    published = [int(port.rpartition(":")[2]) for port in SERVICES["proxy"]["ports"]]
    proxy = named("Service")["proxy"]["spec"]
    assert [port["port"] for port in proxy["ports"]] == published
    for name, service in named("Service").items():
        (deployment,) = service["spec"]["selector"].values()
        listens = {
            port["name"]: port["containerPort"]
            for part in PODS[deployment]["containers"]
            for port in part.get("ports", [])
        }
        for port in service["spec"]["ports"]:
            assert listens[port["targetPort"]] == port["port"], name
    settings = named("ConfigMap")["proxy-settings"]["data"]
    assert settings["SIGNET_WEB_APP_URL"] == "https://ui.signet.svc.cluster.local:8501"
    assert settings["SIGNET_MLFLOW_URL"] == "http://mlflow.signet.svc.cluster.local:5000"
    maps = (ROOT / "compose" / "people" / "start.sh").read_text("utf-8")
    assert set(re.findall(r"\$\{?(SIGNET_\w+)", maps)) == settings.keys()


def test_settings_are_the_backends_and_those_of_compose() -> None:
    data = named("ConfigMap")["settings"]["data"]
    assert {name.removeprefix("SIGNET_").lower() for name in data} <= Settings.model_fields.keys()
    assert data.keys() == COMPOSE["x-settings"].keys()
    assert named("ConfigMap")["web-app-settings"]["data"].keys() == SERVICES["ui"]["environment"].keys()
    same = {"SIGNET_MLFLOW_URL", "SIGNET_HANDOUT", "SIGNET_LOG_FORMAT"}
    assert {name: data[name] for name in same} == {name: COMPOSE["x-settings"][name] for name in same}
    assert "verify-full" in data["SIGNET_DATABASE_URL"]
    assert "verify-full" in data["SIGNET_MLFLOW_DATABASE_URL"]
    for name in ("init", "api", "worker", "mlflow"):
        assert PARTS[name][1]["envFrom"] == [{"configMapRef": {"name": "settings"}}]
    assert PARTS["mlflow"][1]["env"] == [{"name": "SIGNET_MLFLOW_BIND", "value": "0.0.0.0"}]  # noqa: S104


@each_part
def test_secrets_are_files_and_go_where_compose_has_them_go(name: str) -> None:
    pod, part = PODS[PARTS[name][0]], PARTS[name][1]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    held = [volumes[mount["name"]]["secret"] for mount in part["volumeMounts"] if "secret" in volumes[mount["name"]]]
    keys = {item["key"] for secret in held for item in secret["items"]}
    assert keys == set(SERVICES[name].get("secrets", []))
    assert all((secret["secretName"], secret["defaultMode"]) == ("signet", 0o440) for secret in held)
    assert "secretKeyRef" not in json.dumps(part)
    assert "secretRef" not in json.dumps(part)


def _of_compose(mount: Any) -> tuple[str, str] | None:
    """Volume and place of a mount, where it is a volume that parts share."""
    if isinstance(mount, str):
        mount = dict(zip(("source", "target"), mount.split(":"), strict=False))
    shared = mount["source"] in COMPOSE["volumes"] and not mount["source"].endswith("-scratch")
    return (mount["source"], mount["target"]) if shared else None


@each_part
def test_a_part_sees_the_volumes_that_it_sees_with_compose(name: str) -> None:
    pod, part = PODS[PARTS[name][0]], PARTS[name][1]
    claims = {volume["name"]: volume for volume in pod["volumes"]}
    ours = {
        (mount["name"], mount["mountPath"])
        for mount in part["volumeMounts"]
        if "persistentVolumeClaim" in claims[mount["name"]] or mount["name"] == "socket"
    }
    theirs = {found for mount in SERVICES[name].get("volumes", []) if (found := _of_compose(mount))}
    # The socket's folder needs no owner there: the pod makes it.
    assert ours == theirs - ({("socket", "/run/signet")} if name == "init" else set())


def test_what_is_claimed_is_used_and_may_be_used_on_several_nodes() -> None:
    claimed = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in PODS.values()
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    claims = named("PersistentVolumeClaim")
    assert claims.keys() == claimed
    assert {tuple(claim["spec"]["accessModes"]) for claim in claims.values()} == {("ReadWriteMany",)}


def _pods(rule: dict[str, Any], side: str) -> set[str]:
    peers = rule.get(side, [])
    return {peer["podSelector"]["matchLabels"].get(COMPONENT, "names") for peer in peers} if peers else {"anybody"}


def test_nobody_speaks_to_anybody_but_as_is_needed() -> None:
    policies = named("NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    called: dict[str, set[str]] = {}
    calls: dict[str, set[tuple[str, int]]] = {}
    for name in PODS:
        spec = policies[name]["spec"]
        assert spec["podSelector"] == {"matchLabels": {COMPONENT: name}}
        assert set(spec["policyTypes"]) == {kind.title() for kind in ("ingress", "egress") if kind in spec}
        called[name] = {who for rule in spec.get("ingress", []) for who in _pods(rule, "from")}
        calls[name] = {
            (whom, port["port"]) for rule in spec["egress"] for whom in _pods(rule, "to") for port in rule["ports"]
        }
    assert called == {"api": {"anybody"}, "worker": set(), "mlflow": {"api", "worker"}, "ui": {"api"}}
    database = ("anybody", 5432)
    assert calls == {
        "api": {("ui", 8501), ("mlflow", 5000), database},
        "worker": {("mlflow", 5000), database},
        "mlflow": {database},
        "ui": {("api", 8443)},
    }
    assert policies.keys() == {"default-deny", "names", *PODS}


@each_pod
def test_an_update_ends_no_pod_before_another_is_ready(name: str) -> None:
    strategy = DEPLOYMENTS[name]["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_the_api_answers_what_it_has_begun() -> None:
    """nginx stops taking connections, then the API ends; both before the pod is killed."""

    def waits(part: str) -> int:
        words = " ".join(PARTS[part][1]["lifecycle"]["preStop"]["exec"]["command"])
        return int(re.findall(r"sleep (\d+)", words)[0])

    assert 0 < waits("proxy") < waits("api")
    assert waits("api") + _GRACE_SECONDS < PODS["api"]["terminationGracePeriodSeconds"]
    assert "-s quit" in PARTS["proxy"][1]["lifecycle"]["preStop"]["exec"]["command"][-1]


def test_budgets_and_autoscalers_are_of_deployments_that_they_may_scale() -> None:
    for budget in named("PodDisruptionBudget").values():
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["selector"]["matchLabels"][COMPONENT] in DEPLOYMENTS
    assert named("PodDisruptionBudget").keys() == {"api", "worker"}
    assert named("HorizontalPodAutoscaler").keys() == {"api"}
    scaled = named("HorizontalPodAutoscaler", METERED)
    assert scaled.keys() == {"api", "worker"}
    deployments = named("Deployment", METERED)
    for name, autoscaler in scaled.items():
        assert autoscaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        # Else every `apply` would undo what the autoscaler did.
        assert "replicas" not in deployments[name]["spec"]
    assert scaled["api"]["spec"]["minReplicas"] >= 2
    assert [metric["type"] for metric in scaled["api"]["spec"]["metrics"]] == ["ContainerResource", "Pods"]
    assert scaled["api"]["spec"]["metrics"][0]["containerResource"]["container"] in PARTS


def test_autoscalers_go_by_metrics_that_the_platform_has() -> None:
    told = (ROOT / "docs" / "operations.md").read_text("utf-8")
    used = set(re.findall(r"'name': '(signet_\w+)'", str(METERED)))
    assert used == {"signet_requests_in_flight", "signet_jobs"}
    assert all(f"`{name}` | gauge" in told for name in used)
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    assert all(name in page for name in used)


def test_the_page_shows_what_there_is() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    for name in (*named("PersistentVolumeClaim"), *DEPLOYMENTS, "database-ca", *SERVICES["api"]["secrets"]):
        assert name in page, name
    example = re.search(r"```yaml\n(# kustomization.*?)```", page, re.DOTALL)
    assert example is not None
    assert yaml.safe_load(example[1])["components"][0].endswith("autoscaling-by-metrics")
    assert sorted(VERSIONS) == list(VERSIONS)
    assert all(older < newer for older, newer in pairwise(VERSIONS))
    assert VERSIONS[0] in page
