"""Registered models: versions, aliases and the schema of a row."""

from __future__ import annotations

from typing import Any, cast

from signet_client.connection import Connection
from signet_client.paths import path
from signet_client.types import Model, ModelVersion


class Models:
    """The calls under `/v1/models`, but for predictions."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call

    def list(self) -> list[Model]:
        return cast("list[Model]", self._call("GET", "/v1/models")["items"])

    def get(self, model: str) -> Model:
        return cast("Model", self._call("GET", path("v1", "models", model)))

    def version(self, model: str, version: str) -> ModelVersion:
        return cast("ModelVersion", self._call("GET", path("v1", "models", model, "versions", version)))

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Let `alias` name that version: the next prediction by the alias is served by it."""
        self._call("PUT", path("v1", "models", model, "aliases", alias), json={"version": version})

    def schema(self, model: str, *, version: str | None = None, alias: str | None = None) -> dict[str, Any]:
        """JSON Schema of one row."""
        chosen = chosen_version(version, alias)
        return cast("dict[str, Any]", self._call("GET", path("v1", "models", model, "schema"), params=chosen))

    def document(self, model: str, *, version: str | None = None, alias: str | None = None) -> dict[str, Any]:
        """OpenAPI of the model alone, with its own columns and classes."""
        chosen = chosen_version(version, alias)
        return cast("dict[str, Any]", self._call("GET", path("v1", "models", model, "openapi.json"), params=chosen))


def chosen_version(version: str | None, alias: str | None) -> dict[str, str]:
    """The query that picks a version; ValueError for two answers to one question."""
    if version is not None and alias is not None:
        raise ValueError("Choose by version or by alias, not both.")
    found = {"version": version, "alias": alias}
    return {key: value for key, value in found.items() if value is not None}
