"""The OpenAPI document, made from the endpoints themselves, and a page that shows it without any outside host."""

import re
from typing import Any

from flask import Response, current_app, render_template_string
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from backend.api.access import Allow
from backend.api.docs_page import PAGE, STYLE
from backend.api.routing import Endpoint, Endpoints
from backend.api.statuses import refusing_statuses
from backend.identity.principal import PREDICT_SCOPE, SUBSCRIBER_PERMISSIONS
from backend.settings import VERSION

endpoints = Endpoints("Operation")

_REF = "#/components/schemas/{model}"
_VARIABLE = re.compile(r"{(\w+)}")

SECURITY_SCHEMES = {
    "person": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A person's access token"},
    "certificate": {"type": "mutualTLS", "description": "A subscriber's certificate"},
    "webApp": {"type": "mutualTLS", "description": "The certificate of the platform's own web app"},
    "bound": {
        "type": "oauth2",
        "description": "A subscriber's token, with the certificate that it is bound to (RFC 8705)",
        "flows": {
            "clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {PREDICT_SCOPE: "Predictions with its models"}}
        },
    },
}
_OF_PEOPLE: list[dict[str, list[str]]] = [{"person": []}]
_OF_SUBSCRIBERS: list[dict[str, list[str]]] = [{"certificate": []}]
_OF_WEB_APP: list[dict[str, list[str]]] = [{"webApp": []}]
OF_BOTH = [*_OF_PEOPLE, *_OF_SUBSCRIBERS, {"bound": [PREDICT_SCOPE], "certificate": []}]

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "required": ["type", "title", "status", "detail", "error", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do"},
        "error": {"type": "string", "description": "The same text as `detail`"},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": "The kind of error, for programs"},
        "request_id": {"type": "string"},
        "problems": {
            "type": "array",
            "description": "Field by field, where values broke the contract",
            "items": {
                "type": "object",
                "required": ["field", "problem"],
                "properties": {
                    "field": {"type": "string"},
                    "problem": {"type": "string"},
                    "row": {"type": "integer"},
                },
            },
        },
    },
}


@endpoints.get("/openapi.json", access=Allow.PUBLIC)
def read_openapi() -> Response:
    """This API as an OpenAPI 3.1 document."""
    return Response(current_app.json.dumps(document(_listed())), content_type="application/json")


@endpoints.get("/docs", access=Allow.PUBLIC)
def read_docs() -> Response:
    """This API as a page to read."""
    return Response(render_template_string(PAGE, document=document(_listed())), content_type="text/html")


@endpoints.get("/docs/style.css", access=Allow.PUBLIC)
def read_docs_style() -> Response:
    """The look of the page."""
    return Response(STYLE, content_type="text/css")


def document(listed: list[Endpoint]) -> dict[str, Any]:
    """OpenAPI 3.1 of the endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in listed:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Signet", "version": VERSION, "description": "Data to model to prediction, over TLS only."},
        "security": _OF_PEOPLE,
        "paths": paths,
        "components": {
            "securitySchemes": SECURITY_SCHEMES,
            "schemas": _schemas(listed) | {"Problem": PROBLEM},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    summary, _, rest = (endpoint.view.__doc__ or "").strip().partition("\n")
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": summary,
        "description": f"{rest.strip()}\n\nWho may call: {endpoint.access.value}".strip(),
        "parameters": parameters(endpoint),
        "responses": _responses(endpoint),
    }
    operation |= _security(endpoint)
    if content := _content(endpoint):
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _security(endpoint: Endpoint) -> dict[str, Any]:
    """Where callers are not people alone: which credentials do."""
    if endpoint.access is Allow.PUBLIC:
        return {"security": []}
    if endpoint.access is Allow.CERTIFICATE:
        return {"security": _OF_SUBSCRIBERS}
    if endpoint.access is Allow.WEB_APP:
        return {"security": _OF_WEB_APP}
    return {"security": OF_BOTH} if endpoint.access in SUBSCRIBER_PERMISSIONS else {}


def _content(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.accepts:
        return {kind: {"schema": schema} for kind, schema in endpoint.accepts.items()}
    if "body" in endpoint.hints:
        return {"application/json": {"schema": {"$ref": _REF.format(model=endpoint.hints["body"].__name__)}}}
    return {}


def parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _VARIABLE.findall(endpoint.path)
    ]
    if "query" not in endpoint.hints:
        return in_path
    schema = TypeAdapter(endpoint.hints["query"]).json_schema(ref_template=_REF)
    return in_path + [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": part}
        for name, part in schema["properties"].items()
    ]


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done"}
    if endpoint.answer is not None:
        schema = {"$ref": _REF.format(model=endpoint.answer.__name__)}
        success["content"] = {endpoint.media_type: {"schema": schema}}
    elif endpoint.answers:
        success["content"] = {endpoint.media_type: {"schema": endpoint.answers}}
    if endpoint.exports:
        more = {kind: {"schema": schema} for kind, schema in endpoint.exports.items()}
        success["content"] = success.get("content", {}) | more
    return {str(endpoint.status): success, **refusals(endpoint)}


def refusals(endpoint: Endpoint) -> dict[str, Any]:
    """What the endpoint answers where it does not do what was asked, by status."""
    failure: dict[str, Any] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if endpoint.failure:
        failure = {"application/json": {"schema": endpoint.failure}}
    elif endpoint.shape is not None:
        failure = {"application/json": {"schema": {"type": "object", "description": endpoint.shape.__doc__}}}
    told = {str(int(status)): status.phrase for status in refusing_statuses(endpoint)}
    told["5XX"] = "A fault of the server, or not ready yet"
    return {status: {"description": text, "content": failure} for status, text in told.items()}


def _schemas(listed: list[Endpoint]) -> dict[str, Any]:
    bodies = [(endpoint.hints["body"], "validation") for endpoint in listed if "body" in endpoint.hints]
    answers = [(endpoint.answer, "serialization") for endpoint in listed if endpoint.answer is not None]
    _, definitions = models_json_schema([*bodies, *answers], ref_template=_REF)  # type: ignore[list-item]
    schemas: dict[str, Any] = definitions.get("$defs", {})
    for query in (endpoint.hints["query"] for endpoint in listed if "query" in endpoint.hints):
        schemas |= TypeAdapter(query).json_schema(ref_template=_REF).get("$defs", {})
    return dict(sorted(schemas.items()))


def _listed() -> list[Endpoint]:
    listed: list[Endpoint] = current_app.extensions["signet.endpoints"]
    return listed
