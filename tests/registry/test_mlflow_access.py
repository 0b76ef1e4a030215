"""Who gets into MLflow, and how far: asked of a real server."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from backend.audit.events import Event
from backend.registry.mlflow_acts import Act
from backend.settings import REPOSITORY
from tests.mlflow_people import ROLES, acts_of, basic, bearer
from tests.mlflow_server import Mlflow

pytestmark = pytest.mark.mlflow

API = "/api/2.0/mlflow"
SEARCH = f"{API}/registered-models/search"
# What needs no sign-in: the page's own files, whether it lives, and which features its version has.
PUBLIC = re.compile(r"/health|/static-files/.*|.*/mlflow/server-info")


def all_routes() -> list[tuple[str, str]]:
    """Method and path of everything that MLflow's server listens to."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.mlflow_process"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, timeout=120)
    return [(method, path) for method, path in json.loads(listed.stdout)]


@pytest.fixture
def http(mlflow: Mlflow) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=mlflow.url, timeout=20) as client:
        yield client


def make_run(http: httpx.Client, headers: dict[str, str]) -> dict[str, str]:
    """A run, and a source that a version can be made of."""
    made = http.post(f"{API}/runs/create", json={"experiment_id": "0"}, headers=headers)
    assert made.status_code == 200, made.text
    info = made.json()["run"]["info"]
    return {"run_id": info["run_id"], "source": f"{info['artifact_uri']}/model"}


@pytest.fixture
def owned(mlflow: Mlflow, http: httpx.Client, model_name: str) -> str:
    """A registered model with one version, made by the platform."""
    made = http.post(f"{API}/registered-models/create", json={"name": model_name}, headers=mlflow.headers())
    assert made.status_code == 200, made.text
    version = {"name": model_name, **make_run(http, mlflow.headers())}
    made = http.post(f"{API}/model-versions/create", json=version, headers=mlflow.headers())
    assert made.status_code == 200, made.text
    return model_name


def as_(role: str) -> dict[str, str]:
    return {"Authorization": bearer(role)}


def test_nobody_gets_anything_without_signing_in(http: httpx.Client) -> None:
    routes = all_routes()
    assert len(routes) > 300, "the list of MLflow's routes was not found"
    open_ones = [
        (method, path, answer.status_code)
        for method, path in routes
        if not PUBLIC.fullmatch(path)
        and (answer := http.request(method, path, json={} if method != "GET" else None)).status_code
        not in (401, 404, 405)
    ]
    assert open_ones == []
    for path in (
        "/",
        "/graphql",
        SEARCH,
        "/ajax-api/2.0/mlflow/experiments/search",
        "/api/2.0/mlflow-artifacts/artifacts/0/x",
    ):
        assert http.get(path).status_code == 401, path


@pytest.mark.parametrize(
    "header",
    [
        basic("scientist", "wrong"),
        basic("nobody"),
        "Basic !!!",
        "Basic",
        "Bearer",
        "Bearer token-of-nobody",
        "Bearer " + "x" * 43,
        "Digest username=scientist",
        "token-of-admin",
    ],
)
def test_a_wrong_credential_is_challenged(http: httpx.Client, header: str) -> None:
    for path in (SEARCH, "/", "/api/2.0/mlflow-artifacts/artifacts/0/x"):
        answer = http.get(path, headers={"Authorization": header})
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_the_platform_gets_in_by_its_token(mlflow: Mlflow, http: httpx.Client) -> None:
    assert http.get(SEARCH, headers=mlflow.headers()).status_code == 200
    longer = {"Authorization": mlflow.headers()["Authorization"] + "x"}
    assert http.get(SEARCH, headers=longer).status_code == 401


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("credential", [bearer, basic])
def test_people_get_in_and_read(http: httpx.Client, owned: str, role: str, credential: object) -> None:
    headers = {"Authorization": credential(role)}  # type: ignore[operator]
    assert "MLflow" in http.get("/", headers=headers).text
    assert http.get(f"{API}/registered-models/get", params={"name": owned}, headers=headers).status_code == 200
    for method, path in [("GET", SEARCH), ("POST", f"{API}/experiments/search")]:
        answer = http.request(method, path, headers=headers, params={"max_results": 5}, json={"max_results": 5})
        assert answer.status_code == 200, path
    found = http.post("/graphql", headers=headers, json={"query": '{ test(inputString: "x") { output } }'})
    assert found.status_code == 200
    assert http.get(f"{API}/users/current", headers=headers).json()["user"]["username"] == role


WRITES = [
    ("POST", "registered-models/alias", {"alias": "champion", "version": "1"}),
    ("DELETE", "registered-models/alias", {"alias": "champion"}),
    ("POST", "registered-models/create", {"new": True}),
    ("POST", "registered-models/rename", {"new_name": "other"}),
    ("POST", "registered-models/set-tag", {"key": "a", "value": "b"}),
    ("PATCH", "registered-models/update", {"description": "x"}),
    ("POST", "model-versions/create", {"source": "mlflow-artifacts:/0/y"}),
    ("POST", "model-versions/set-tag", {"version": "1", "key": "signet.digest", "value": "b"}),
    ("DELETE", "model-versions/delete", {"version": "1"}),
    ("DELETE", "registered-models/delete", {}),
    ("POST", "experiments/create", {}),
    ("POST", "runs/create", {"experiment_id": "0"}),
    ("POST", "logged-models", {"experiment_id": "0"}),
]


@pytest.mark.parametrize("role", ["manager", "expert"])
def test_readers_change_nothing(mlflow: Mlflow, http: httpx.Client, owned: str, role: str) -> None:
    before = http.get(f"{API}/registered-models/get", params={"name": owned}, headers=mlflow.headers()).json()
    for prefix in (API, "/ajax-api/2.0/mlflow"):
        for method, path, body in WRITES:
            answer = http.request(method, f"{prefix}/{path}", headers=as_(role), json={"name": owned, **body})
            assert answer.status_code == 403, (path, answer.text)
            assert role in answer.text
    for prefix in ("/api", "/ajax-api"):
        for method in ("PUT", "DELETE"):
            path = f"{prefix}/2.0/mlflow-artifacts/artifacts/0/{owned}/file"
            assert http.request(method, path, headers=as_(role), content=b"x").status_code == 403
    after = http.get(f"{API}/registered-models/get", params={"name": owned}, headers=mlflow.headers()).json()
    assert after == before


def test_a_scientist_works_there_but_does_not_delete_what_others_made(http: httpx.Client, owned: str) -> None:
    def call(method: str, path: str, **body: object) -> int:
        return http.request(method, f"{API}/{path}", headers=as_("scientist"), json=body).status_code

    assert call("POST", "registered-models/alias", name=owned, alias="challenger", version="1") == 200
    # MLflow counts the end of an alias as deleting; moving it is what promotion needs.
    assert call("DELETE", "registered-models/alias", name=owned, alias="challenger") == 403
    run = make_run(http, as_("scientist"))
    assert call("POST", "model-versions/create", name=owned, **run) == 200
    assert call("DELETE", "model-versions/delete", name=owned, version="1") == 403
    assert call("DELETE", "registered-models/delete", name=owned) == 403
    assert call("POST", "registered-models/create", name=f"{owned}-own") == 200
    assert call("DELETE", "registered-models/delete", name=f"{owned}-own") == 200


def test_what_people_do_to_aliases_is_told(mlflow: Mlflow, http: httpx.Client, owned: str) -> None:
    """Whichever way it is asked for: told is what MLflow's store did, and nothing where it refused."""

    def call(method: str, path: str, role: str, **body: object) -> int:
        return http.request(method, path, headers=as_(role), json={"name": owned, **body}).status_code

    alias, ajax = f"{API}/registered-models/alias", "/ajax-api/2.0/mlflow"
    assert call("POST", alias, "scientist", alias="champion", version="1") == 200
    assert call("POST", f"{ajax}/registered-models/alias", "admin", alias="second", version="1") == 200
    assert call("POST", alias, "scientist", alias="champion", version="7") == 404
    assert call("DELETE", alias, "admin", alias="second") == 200
    body = {"name": owned, "alias": "own", "version": "1"}
    assert http.post(alias, headers=mlflow.headers(), json=body).status_code == 200
    assert call("DELETE", f"{API}/model-versions/delete", "admin", version="1") == 200
    assert call("POST", f"{API}/registered-models/rename", "admin", new_name=f"{owned}-new") == 200
    assert call("DELETE", f"{API}/registered-models/delete", "admin", name=f"{owned}-new") == 200
    through = {"through": "mlflow"}
    assert acts_of(mlflow.settings, f"model:{owned}") == [
        Act(event, by, f"model:{owned}", details=facts | through)
        for event, by, facts in [
            (Event.MODEL_PROMOTED, "scientist", {"alias": "champion", "version": "1"}),
            (Event.MODEL_PROMOTED, "admin", {"alias": "second", "version": "1"}),
            (Event.MODEL_ALIAS_REMOVED, "admin", {"alias": "second"}),
            (Event.MODEL_DELETED, "admin", {"version": "1"}),
            (Event.MODEL_RENAMED, "admin", {"new_name": f"{owned}-new"}),
        ]
    ]
    assert [act.event for act in acts_of(mlflow.settings, f"model:{owned}-new")] == [Event.MODEL_DELETED]


@pytest.mark.parametrize("role", ["expert", "scientist"])
def test_what_people_may_not_do_is_told(mlflow: Mlflow, http: httpx.Client, owned: str, role: str) -> None:
    """By the platform's rules (an expert writes nothing) and by MLflow's (a scientist does not delete what others made)."""
    path = f"{API}/registered-models/delete"
    before = len(acts_of(mlflow.settings, f"DELETE {path}"))
    assert http.request("DELETE", path, headers=as_(role), json={"name": owned}).status_code == 403
    (act,) = acts_of(mlflow.settings, f"DELETE {path}")[before:]
    assert (act.event, act.actor, act.outcome) == (Event.REQUEST_REFUSED, role, "refused")


@pytest.mark.parametrize("prefix", ["/api", "/ajax-api"])
def test_what_people_may_not_do_beside_mlflows_flask_app_is_told(
    mlflow: Mlflow, http: httpx.Client, prefix: str
) -> None:
    """Files of runs go another way in MLflow. Of the address, MLflow's words are told: names that a caller chooses would flood the journal."""
    target = f"PUT {prefix}/2.0/mlflow-artifacts/artifacts/..."
    before = len(acts_of(mlflow.settings, target))
    for role, status in (("expert", 403), ("manager", 403), ("nobody", 401)):
        path = f"{prefix}/2.0/mlflow-artifacts/artifacts/0/file-of-{role}"
        assert http.put(path, headers=as_(role), content=b"x").status_code == status
    acts = acts_of(mlflow.settings, target)[before:]
    assert [(act.event, act.actor, act.outcome) for act in acts] == [
        (Event.REQUEST_REFUSED, role, "refused") for role in ("expert", "manager")
    ]


def test_a_version_has_no_source_outside_the_artifact_store(http: httpx.Client, owned: str) -> None:
    """58 of the attack list."""
    run = make_run(http, as_("admin"))
    for source in (
        "/etc",
        "file:///etc",
        "https://example.org/x",
        "s3://bucket/x",
        "http://169.254.169.254/latest",
        "mlflow-artifacts://169.254.169.254/x",
        "mlflow-artifacts:///etc",
        "mlflow-artifacts:/0/../../certs",
        "mlflow-artifacts:/0/%2e%2e/%2e%2e/certs",
        "mlflow-artifacts:/0/%252e%252e/certs",
        "models:/other/1#/../../certs",
        f"{run['source']}/../../x",
    ):
        body = {"name": owned, "run_id": run["run_id"], "source": source}
        answer = http.post(f"{API}/model-versions/create", headers=as_("admin"), json=body)
        assert answer.status_code == 400, source


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
        ("GET", "/ajax-api/3.0/mlflow/assistant/providers"),
        ("PUT", "/ajax-api/3.0/mlflow/assistant/config"),
        ("POST", "/gateway/x/mlflow/invocations"),
        ("POST", "/api/3.0/mlflow/gateway/secrets/create"),
        ("POST", "/ajax-api/2.0/mlflow/gateway-proxy"),
        ("POST", "/api/2.0/mlflow/webhooks"),
        ("POST", "/ajax-api/3.0/jobs/"),
        ("POST", "/ajax-api/3.0/mlflow/scorer/invoke"),
        ("POST", "/ajax-api/3.0/mlflow/genai/evaluate/invoke"),
        ("POST", "/api/2.0/mlflow/users/create"),
        ("PATCH", "/api/2.0/mlflow/users/update-admin"),
        ("PATCH", "/ajax-api/2.0/mlflow/users/update-password"),
        ("POST", "/api/3.0/mlflow/roles/create"),
        ("POST", "/api/3.0/mlflow/users/permissions/grant"),
        ("GET", "/signup"),
    ],
)
def test_what_the_platform_does_not_offer_is_closed_to_administrators_too(
    http: httpx.Client, method: str, path: str
) -> None:
    answer = http.request(method, path, headers=as_("admin"), json={})
    assert answer.status_code == 403
    assert "not offered" in answer.text


def test_only_this_machines_name_for_the_server_is_answered(mlflow: Mlflow, http: httpx.Client) -> None:
    for host in ("10.attacker.example", "192.168.evil.example", "signet.example:443", "127.0.0.1:1"):
        answer = http.get(SEARCH, headers={**mlflow.headers(), "Host": host})
        assert answer.status_code == 403, host
    answer = http.get("/", headers=mlflow.headers())
    assert answer.headers["X-Frame-Options"] == "DENY"
    evil = {**mlflow.headers(), "Origin": "https://evil.example"}
    assert http.post(f"{API}/experiments/create", headers=evil, json={"name": "x"}).status_code == 403


def test_the_databases_are_write_ahead_and_private(mlflow: Mlflow) -> None:
    mlruns = mlflow.settings.mlruns
    with sqlite3.connect(mlruns / "mlflow.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert mlruns.stat().st_mode & 0o077 == 0
    assert (mlflow.settings.certs / "mlflow-token").stat().st_mode & 0o777 == 0o600
