"""The house itself: sizes, names, permissions, errors, settings, routes."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from openapi_spec_validator import validate

from backend import errors
from backend.api.access import Allow
from backend.api.catalog import ENDPOINTS
from backend.api.openapi import document
from backend.api.problem import STATUS
from backend.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
MODULES = [path for folder in ("backend", "frontend", "client") for path in sorted((ROOT / folder).rglob("*.py"))]
# A revision of the schema is a record, as long as what it records.
FUNCTIONS = [path for path in MODULES if "versions" not in path.parts]
LONGEST_MODULE, LONGEST_FUNCTION = 300, 40
VAGUE = {"service", "manager", "handler", "helper", "helpers", "util", "utils", "common", "base", "core", "impl"}

# Whoever adds a line here lets strangers call it.
PUBLIC = {
    "POST /login",
    "POST /refresh",
    "POST /v1/enrol",
    "GET /.well-known/est/cacerts",
    "POST /.well-known/est/simpleenroll",
    "GET /.well-known/oauth-authorization-server",
    "GET /.well-known/jwks.json",
    "GET /pki/ca.pem",
    "GET /pki/subscribers-ca.cer",
    "GET /pki/subscribers.crl",
    "GET /health/live",
    "GET /health/ready",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/style.css",
    # Probes of the prediction standards: that the process lives, and whether it can serve; they name no model.
    "GET /v2/health/live",
    "GET /v2/health/ready",
    "GET /ping",
    "GET /health",
}


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    long = [
        f"{f.name} ({f.end_lineno - f.lineno + 1})"
        for f in _functions(path)
        if f.end_lineno - f.lineno >= LONGEST_FUNCTION
    ]
    assert lines <= LONGEST_MODULE, f"{lines} lines"
    assert not long, f"functions over {LONGEST_FUNCTION} lines: {long}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_say_what_they_are(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), "a module docstring is missing"
    assert not VAGUE & set(path.stem.split("_")), "the name says nothing"


def test_only_the_listed_endpoints_are_public() -> None:
    assert {f"{e.method} {e.path}" for e in ENDPOINTS if e.access is Allow.PUBLIC} == PUBLIC


def test_every_endpoint_says_what_it_does() -> None:
    assert [e.name for e in ENDPOINTS if not e.view.__doc__] == []
    assert len({e.name for e in ENDPOINTS}) == len(ENDPOINTS)


def test_every_error_kind_has_a_status() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.SignetError) and kind is not errors.SignetError
    }
    assert kinds == set(STATUS)


def test_served_routes_equal_the_document(app: Flask) -> None:
    served = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(m.upper(), path) for path, operations in document(ENDPOINTS)["paths"].items() for m in operations}
    assert served == described


def test_the_document_is_valid_openapi() -> None:
    validate(document(ENDPOINTS))


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if f"`SIGNET_{name.upper()}`" not in readme] == []


def test_every_room_says_what_enters_and_leaves() -> None:
    for folder in (path for path in (ROOT / "backend").iterdir() if (path / "__init__.py").exists()):
        source = (folder / "__init__.py").read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(source)), folder.name
        assert len(ast.parse(source).body) == 1, f"{folder.name}/__init__.py holds code"


def test_the_api_does_not_import_mlflow() -> None:
    source = "import sys, backend.app; print(sorted({'mlflow', 'streamlit', 'matplotlib'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_documents_name_only_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        assert set(re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8"))) <= targets, page.name
