"""Whatever the platform can be asked under `/v1`, the Python client can ask."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import signet_client
from backend.api.catalog import ENDPOINTS

SOURCES = sorted(Path(signet_client.__file__).parent.glob("*.py"))


def _addresses(source: str) -> Iterator[str]:
    """The addresses that a module calls: `"/v1/x"`, or `path("v1", "x", name)`, whose variables become `{}`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("/v1/"):
            yield node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "path":
            yield "/" + "/".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.args)


def test_every_address_is_called() -> None:
    called = {address for source in SOURCES for address in _addresses(source.read_text(encoding="utf-8"))}
    served = {re.sub(r"{\w+}", "{}", endpoint.path) for endpoint in ENDPOINTS if endpoint.path.startswith("/v1/")}
    assert served - called == set()
    assert len(served) > 30
