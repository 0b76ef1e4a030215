"""MLflow's own server app, with the platform's people in place of MLflow's; only the MLflow process imports this."""

import secrets
import sqlite3
import threading
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

import mlflow.server.auth as mlflow_auth
from filelock import FileLock
from flask import Response, g, has_app_context, request
from mlflow.exceptions import MlflowException
from mlflow.server import app as mlflow_pages
from mlflow.server.handlers import _get_model_registry_store, initialize_backend_stores
from mlflow.store.db.utils import (
    _initialize_tables,
    _is_empty_database,
    _upgrade_db,
    create_sqlalchemy_engine_with_retry,
)
from starlette.applications import Starlette
from werkzeug.datastructures import Authorization

from backend.audit import journal
from backend.errors import NotAllowed, TooManyRequests, Unauthenticated
from backend.registry.mlflow_acts import Keep, refusal, watch_aliases
from backend.registry.mlflow_refusals import NativeRefusals, native_routes
from backend.registry.mlflow_server import tracking_database
from backend.registry.mlflow_sign_in import ADMINISTRATORS, Authenticate, SignIn, Visitor, web_session
from backend.registry.mlflow_token import read_service_token
from backend.settings import Settings

_WORKSPACE = "default"
_SCIENTISTS = "scientist"
# What a scientist may change; deleting is for administrators and for who made the thing.
_EDITABLE = ("experiment", "registered_model", "prompt")

_NOBODY = Visitor("", "")

_doors: list[SignIn] = []
_behind_proxy: list[bool] = []
_admitting = threading.Lock()


def create_app(settings: Settings, authenticate: Authenticate, keep: Keep) -> Starlette:
    """MLflow's app over migrated databases; `authenticate` turns an `Authorization` header into a person, `keep` writes the journal.

    The environment is that of `mlflow_server.environment`, set before Python started.
    """
    # MLflow finds its authorization function by name, so what it needs cannot be handed to it.
    _doors[:] = [SignIn(read_service_token(settings), authenticate, _admit)]
    _behind_proxy[:] = [bool(settings.mlflow_public_url)]
    database = tracking_database(settings)
    with FileLock(settings.mlruns / "migration.lock"):
        _migrate(database)
        app: Starlette = mlflow_auth.create_app()
        initialize_backend_stores(database, database, "mlflow-artifacts:/")
        _ensure_scientists()
    watch_aliases(_get_model_registry_store(), _visitor, keep)
    mlflow_pages.after_request(partial(_tell_refusal, keep))
    app.add_middleware(NativeRefusals, routes=native_routes(app.routes), identify=_identify, keep=keep)
    return app


def authorize() -> Authorization | Response:
    """Called by MLflow within each request: the visitor, or the refusal to send."""
    journal.enter(address=request.remote_addr or "", request_id="")
    try:
        g.signet_visitor = visitor = _identify(request.method, dict(request.headers), request.cookies)
        visitor.verify_may(request.method, request.path)
    except Unauthenticated as error:
        return Response(f"{error.detail}\n", 401, _challenge(), mimetype="text/plain")
    except NotAllowed as error:
        return Response(f"{error.detail}\n", 403, mimetype="text/plain")
    except TooManyRequests as error:
        return Response(f"{error.detail}\n", 429, {"Retry-After": str(error.retry_after)}, mimetype="text/plain")
    return Authorization("basic", {"username": visitor.username, "password": ""})


def _identify(method: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Visitor:
    """Who makes such a request; without a proxy in front of us, nobody is known by a cookie."""
    shown = headers.get("Authorization", "")
    if not shown and _behind_proxy[0]:
        shown = web_session(method, headers, cookies)
    return _doors[0].identify(shown)


def _challenge() -> dict[str, str]:
    """Behind a proxy people sign in to the web app: their browser is not to ask for a password by a window of its own."""
    if _behind_proxy[0] and "Sec-Fetch-Mode" in request.headers:
        return {}
    return {"WWW-Authenticate": 'Basic realm="Signet", charset="UTF-8"'}


def _visitor() -> Visitor:
    """Who makes the request under way; nobody outside of one."""
    visitor: Visitor = g.get("signet_visitor", _NOBODY) if has_app_context() else _NOBODY
    return visitor


def _tell_refusal(keep: Keep, response: Response) -> Response:
    """A person may not do that: so say we, or MLflow of what is somebody else's."""
    visitor = _visitor()
    if response.status_code == HTTPStatus.FORBIDDEN and visitor != _NOBODY and not visitor.is_platform:
        keep(refusal(visitor, request.method, request.url_rule.rule if request.url_rule else ""))
    return response


def _migrate(database: str) -> None:
    """MLflow checks its schema but does not bring it up to date, and SQLite keeps the journal mode that is set once."""
    if database.startswith("sqlite:///"):
        with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
    engine = create_sqlalchemy_engine_with_retry(database)  # type: ignore[no-untyped-call]
    if _is_empty_database(engine):  # type: ignore[no-untyped-call]
        _initialize_tables(engine)  # type: ignore[no-untyped-call]
    else:
        _upgrade_db(engine)  # type: ignore[no-untyped-call]
    engine.dispose()


def _ensure_scientists() -> None:
    store = mlflow_auth.store
    try:
        store.get_role_by_name(_WORKSPACE, _SCIENTISTS)
    except MlflowException:
        role = store.create_role(_SCIENTISTS, _WORKSPACE, "May change what others made, but not delete it")
        for resource in _EDITABLE:
            store.add_role_permission(role.id, resource, "*", "EDIT")


def _admit(visitor: Visitor) -> None:
    """MLflow knows the visitor, with the rights of the role of this moment."""
    store = mlflow_auth.store
    administrator = visitor.role in ADMINISTRATORS
    with _admitting:
        if not store.has_user(visitor.username):
            store.create_user(visitor.username, secrets.token_urlsafe(32), is_admin=administrator)
        user = store.get_user(visitor.username)
        if user.is_admin != administrator:
            store.update_user(visitor.username, is_admin=administrator)
        _assign(user.id, visitor)


def _assign(user_id: int, visitor: Visitor) -> None:
    store = mlflow_auth.store
    scientist = store.get_role_by_name(_WORKSPACE, _SCIENTISTS).id
    held = {role.id for role in store.list_user_roles(user_id)}
    if visitor.role == _SCIENTISTS and scientist not in held:
        store.assign_role_to_user(user_id, scientist)
    elif visitor.role != _SCIENTISTS and scientist in held:
        store.unassign_role_from_user(user_id, scientist)
