"""What the test server of MLflow runs; and, run itself, the list of everything that MLflow listens to.

Tests never import this: importing MLflow's server takes seconds and warns.
"""

import json
import re
import sys
from functools import partial

from mlflow.server import app, fastapi_app
from mlflow.server.auth import routes
from starlette.applications import Starlette

from backend.registry.mlflow_app import create_app as create_mlflow
from backend.settings import load_settings
from tests.mlflow_people import authenticate, note


def create_app() -> Starlette:
    """What uvicorn calls."""
    settings = load_settings()
    return create_mlflow(settings, authenticate, partial(note, settings))


def all_routes() -> list[tuple[str, str]]:
    """Method and path of every route, with an example for each variable part."""
    return sorted({*_flask_routes(), *_people_routes(), *_native_routes()})


def _flask_routes() -> set[tuple[str, str]]:
    rules = app.url_map.iter_rules()
    return {
        (method, re.sub(r"<(\w+:)?\w+>", "1", rule.rule))
        for rule in rules
        for method in rule.methods - {"OPTIONS", "HEAD"}
    }


def _people_routes() -> set[tuple[str, str]]:
    """MLflow adds these when its sign-in is on; their methods are not listed, so each is tried."""
    paths = {
        value
        for name, value in vars(routes).items()
        if name.isupper() and isinstance(value, str) and value.startswith("/")
    }
    return {(method, path) for path in paths for method in ("GET", "POST", "PATCH", "DELETE")}


def _native_routes() -> set[tuple[str, str]]:
    routers = {name: value for name, value in vars(fastapi_app).items() if name.endswith("_router")}
    return {
        (method, re.sub(r"\{[^}]+\}", "1", prefix + route.path))
        for name, router in routers.items()
        for prefix in (fastapi_app.get_mcp_server_api_route_prefixes() if name.startswith("mcp") else [""])
        for route in router.routes
        for method in route.methods
    }


if __name__ == "__main__":
    json.dump(all_routes(), sys.stdout)
