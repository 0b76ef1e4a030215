"""schemathesis reads our documents, and the Open Inference Protocol's, and asks the running platform what they allow and forbid.

What it finds: a fault of the server, an answer that no document declares (its status, its type, its shape), a request that a
document forbids and the server takes, an address that lets in whom it should not.
"""

import json
import os
import re
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.api.access import Access, Allow
from backend.api.catalog import ENDPOINTS
from backend.identity.principal import ROLES, SUBSCRIBER_PERMISSIONS, Permission, Role
from tests.e2e.environments import PythonWith
from tests.e2e.running import Platform, running_platform
from tests.e2e.services import Caller, Service, person

TOOL, PROTOCOL = "schemathesis==4.32.5", "mlserver==1.7.1"
HOOKS = Path(__file__).parent / "foreign" / "schemathesis_hooks.py"
# Beside what covers each constraint of a document once: how many random requests each operation gets.
EXAMPLES = os.environ.get("SIGNET_TEST_FUZZ_EXAMPLES", "4")
THOROUGH = int(EXAMPLES) > 10
SECONDS = 280 + 10 * int(EXAMPLES)
pytestmark = [
    pytest.mark.clients, pytest.mark.platform, pytest.mark.xdist_group("schemathesis"), pytest.mark.timeout(SECONDS + 20)
]  # fmt: skip
PASSWORD = "correct horse battery staple"
Document = dict[str, Any]

# They end the caller's own session or change how it signs in, and every call after them would be refused.
_NOT_TRIED = {"logout", "change_my_password", "begin_second_factor", "confirm_second_factor", "remove_second_factor"}
# A row that fits the schema of any model may still not fit this one; a name that is text may not be a good name.
_NOT_CHECKED = ["positive_data_acceptance"]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that nobody else uses: what is tried here deletes and changes what it finds."""
    yield from running_platform(tmp_path_factory.mktemp("fuzzed"))


def _role(platform: Platform, role: Role) -> Caller:
    name = f"a-{role.value}"
    admin = platform.client()
    if not any(user["username"] == name for user in admin.get("/v1/users").json()["items"]):
        made = admin.post("/v1/users", json={"username": name, "password": PASSWORD, "role": role.value})
        assert made.status_code == 201, made.text
    return person(platform, name, PASSWORD)


# Where little is tried, each operation is tried by one of those who may call it.
_SHARES: dict[Role, frozenset[Access]] = {
    Role.EXPERT: frozenset(
        {Permission.READ_DATASETS, Permission.WRITE_DATASETS, Permission.READ_JOBS, Permission.RUN_JOBS}
    ),
    Role.SCIENTIST: frozenset({Permission.READ_MODELS, Permission.PROMOTE_MODELS, Permission.PREDICT}),
    Role.MANAGER: frozenset({Permission.MANAGE_SUBSCRIBERS, Permission.READ_AUDIT}),
    Role.ADMIN: frozenset({Permission.MANAGE_USERS, Allow.SIGNED_IN}),
}


def _operations(allowed: Collection[Access]) -> list[str]:
    """The operations of the document that ask for one of these."""
    return [endpoint.name for endpoint in ENDPOINTS if endpoint.access in allowed and endpoint.name not in _NOT_TRIED]


class Schemathesis:
    """The tool, with its own Python, and the places that it may write to."""

    def __init__(self, python: Path, platform: Platform, folder: Path) -> None:
        self.python, self.platform, self.folder = python, platform, folder

    def __call__(self, document: Document, caller: Caller, *, checked: bool = False, **pinned: str) -> None:
        """Try the whole document as that caller; AssertionError with what was found."""
        (self.folder / "openapi.json").write_text(json.dumps(document))
        (self.folder / "schemathesis.toml").write_text(_configuration(caller, pinned, [] if checked else _NOT_CHECKED))
        command = [
            str(self.python.parent / "schemathesis"), "run", "openapi.json", "--url", self.platform.api_url,
            "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--generation-deterministic",
            "--continue-on-failure", "--no-color",
        ]  # fmt: skip
        told = os.environ | {"SCHEMATHESIS_HOOKS": HOOKS.stem, "PYTHONPATH": str(HOOKS.parent)}
        done = subprocess.run(
            command, cwd=self.folder, env=told, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        found = re.findall(r"^- (ST\d+ .*)$", done.stdout, re.MULTILINE)
        assert (done.returncode, found) == (0, []), done.stdout[-20_000:] + done.stderr[-2000:]
        tried = re.search(r"(\d+) generated", done.stdout)
        assert tried, done.stdout[-4000:]
        assert int(tried[1]) >= 2 * len(document["paths"]), done.stdout[-4000:]


def _configuration(caller: Caller, pinned: dict[str, str], unchecked: list[str]) -> str:
    lines = [f'tls-verify = "{caller.ca}"', "request-timeout = 30"]
    if caller.certificate:
        lines.append(f'request-cert = "{caller.certificate}"')
        # It cannot take its certificate back from an open connection, and would wonder why it is let in without its token.
        unchecked = [*unchecked, "ignored_auth"]
    if caller.token:
        lines += ["[headers]", f'Authorization = "Bearer {caller.token}"']
    lines += ["[parameters]", *(f'"path.{name}" = "{value}"' for name, value in pinned.items())]
    lines += [f"[checks.{name}]\nenabled = false" for name in unchecked]
    lines.append("[checks.negative_data_rejection]\nexpected-statuses = [400, 401, 403, 404, 409, 413, 415, 422, 429]")
    # What is at the address of a certificate with that name answers GET: the methods of two addresses are told as one.
    lines += ['[[operations]]\ninclude-path = "/v1/certificates/renew"']
    lines += ["[operations.checks.allow_header_conformance]\nenabled = false"]
    return "\n".join(lines)


@pytest.fixture
def schemathesis(python_with: PythonWith, fuzzed: Platform, tmp_path: Path) -> Schemathesis:
    return Schemathesis(python_with(TOOL), fuzzed, tmp_path)


@pytest.fixture
def service(fuzzed: Platform, tmp_path: Path) -> Service:
    return Service.enrol(fuzzed, tmp_path, models=["iris"])


def _ours(platform: Platform, operations: list[str]) -> Document:
    """Our own document, as it is served, with these operations only."""
    with person(platform).client(platform) as admin:
        served: Document = admin.get("/openapi.json").json()
    kept = {
        path: {method: operation for method, operation in methods.items() if operation["operationId"] in operations}
        for path, methods in served["paths"].items()
    }
    return served | {"paths": {path: methods for path, methods in kept.items() if methods}}


@pytest.mark.parametrize("role", ["expert", "scientist", "manager", "admin"])
def test_our_document_as_each_role(schemathesis: Schemathesis, fuzzed: Platform, role: str) -> None:
    may = {Allow.SIGNED_IN, *ROLES[Role(role)]} if THOROUGH else _SHARES[Role(role)]
    document = _ours(fuzzed, _operations(may))
    schemathesis(document, _role(fuzzed, Role(role)), model="iris")


def test_our_document_as_nobody(schemathesis: Schemathesis, fuzzed: Platform) -> None:
    schemathesis(_ours(fuzzed, _operations({Allow.PUBLIC})), Caller(person(fuzzed).ca))


@pytest.mark.parametrize("by", ["certificate", "bound token"])
def test_our_document_as_a_subscriber(schemathesis: Schemathesis, fuzzed: Platform, service: Service, by: str) -> None:
    caller = service.caller() if by == "certificate" else service.bound()
    may = {Allow.CERTIFICATE, *SUBSCRIBER_PERMISSIONS} if by == "certificate" else SUBSCRIBER_PERMISSIONS
    operations = [name for name in _operations(may) if THOROUGH or by == "certificate" or name in {"predict", "infer"}]
    schemathesis(_ours(fuzzed, operations), caller, model="iris", version="1")


def test_the_document_of_a_model(schemathesis: Schemathesis, fuzzed: Platform) -> None:
    """Here what fits the document must also be taken: it speaks of this model's own row."""
    caller = person(fuzzed)
    with caller.client(fuzzed) as itself:
        document = itself.get("/v1/models/iris/openapi.json").json()
    schemathesis(document, caller, checked=True)


def test_the_document_of_the_open_inference_protocol(
    schemathesis: Schemathesis, fuzzed: Platform, service: Service, python_with: PythonWith
) -> None:
    """As another project publishes it; what it does not know is who is calling."""
    package = python_with(PROTOCOL, "--no-deps").parents[1]
    (published,) = package.rglob("mlserver/rest/openapi/dataplane.json")
    document = json.loads(published.read_text())
    schemathesis(_protocol(document), service.caller(), model_name="iris", model_version="1")


def _protocol(document: Document) -> Document:
    """Without the additions of that project, with the errors of a server that knows its callers, and sound."""
    refusal = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/InferenceErrorResponse"}}}}
    for methods in document["paths"].values():
        for operation in (methods[name] for name in ("get", "post") if name in methods):
            for status in ("400", "401", "403", "404", "413", "415"):
                operation["responses"].setdefault(status, {"description": "refused", **refusal})
    paths = {path: methods for path, methods in document["paths"].items() if not re.search("stream|generate", path)}
    # `bytes` is no type of JSON; a tensor must have a value for every place, and only its name says whether it is ours.
    document["components"]["schemas"]["TensorData"] = {"type": "array"}
    return document | {"paths": paths}
