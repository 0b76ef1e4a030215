"""Models: what is registered, what it takes, and which version an alias serves."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Response, current_app
from pydantic import Field

from backend.algorithms.signature import Signature
from backend.api.model_document import model_document
from backend.api.platform import Platform
from backend.api.routing import Answer, Body, Endpoints, VersionQuery
from backend.audit.events import Event
from backend.audit.journal import record
from backend.identity.principal import Permission, Principal
from backend.registry import catalog

endpoints = Endpoints("Models")

# How a version came to be is the business of the people who made it.
_INSIDE = ("dataset_id", "job_id", "run_id", "run_url", "created_by")
_OF_THE_HOUSE = Field(description="Not told to subscribers")


class VersionAnswer(Answer):
    model: str
    version: str
    aliases: list[str]
    task: str
    algorithm: str
    digest: str = Field(description="SHA-256 over the files of the version, checked before each load")
    metrics: dict[str, Any]
    compiled: dict[str, Any] = Field(
        description="In which `form` the version is served and why: its `max_difference` from the original on `probe_rows` recorded rows, as a"
        " share of the largest answer, and the `speedup` for 1 and 1000 rows. Empty for versions older than this choice"
    )
    signature: dict[str, Any]
    dataset_id: str | None = _OF_THE_HOUSE
    job_id: str | None = _OF_THE_HOUSE
    run_id: str | None = _OF_THE_HOUSE
    run_url: str | None = Field(description="The run's page in MLflow; not told to subscribers")
    created_by: str | None = _OF_THE_HOUSE
    created_at: datetime


class StandingAnswer(Answer):
    named: str = Field(description="The version that the alias names")
    served: str | None = Field(
        description="The version that answers; none while it is not in memory, and then it is loaded when it is asked for"
    )
    problem: str | None = Field(description="Why the named version does not answer")


class ModelAnswer(Answer):
    name: str
    aliases: dict[str, str] = Field(description="Alias to version")
    versions: list[VersionAnswer] = Field(description="The newest first")
    serving: dict[str, StandingAnswer] | None = Field(
        description="How each alias stands in the process that answers this; not told to subscribers"
    )


class ModelList(Answer):
    items: list[ModelAnswer]


class AliasChange(Body):
    version: str = Field(pattern=r"^[1-9][0-9]{0,8}$")


class AliasAnswer(Answer):
    model: str
    alias: str
    version: str


@endpoints.get("/v1/models", access=Permission.PREDICT, answer=ModelList)
def list_models(actor: Principal, platform: Platform) -> dict[str, object]:
    """All models with their versions and aliases; a subscriber is told of those that it may use."""
    models = [model for model in catalog.list_models(platform.settings) if actor.is_admitted_to(model.name)]
    if actor.kind == "person":
        return {"items": [_with_standings(model, platform) for model in models]}
    return {
        "items": [
            {**asdict(model), "versions": [_outside(version) for version in model.versions], "serving": None}
            for model in models
        ]
    }


@endpoints.get("/v1/models/{model}", access=Permission.READ_MODELS, answer=ModelAnswer)
def read_model(model: str, platform: Platform) -> object:
    """One model."""
    return _with_standings(catalog.get_model(platform.settings, model), platform)


@endpoints.get("/v1/models/{model}/versions/{version}", access=Permission.READ_MODELS, answer=VersionAnswer)
def read_version(model: str, version: str, platform: Platform) -> object:
    """One version: signature, metrics, digest, and where it came from."""
    return catalog.get_version(platform.settings, model, version)


@endpoints.put("/v1/models/{model}/aliases/{alias}", access=Permission.PROMOTE_MODELS, answer=AliasAnswer)
def set_alias(model: str, alias: str, body: AliasChange, actor: Principal, platform: Platform) -> dict[str, str]:
    """Promote or roll back: the next prediction by this alias is served by that version."""
    catalog.set_alias(platform.settings, model, alias, body.version, actor.name)
    record(
        Event.MODEL_PROMOTED,
        actor=actor.actor,
        target=f"model:{model}",
        details={"alias": alias, "version": body.version},
    )
    platform.shelf.refresh()
    return {"model": model, "alias": alias, "version": body.version}


@endpoints.get("/v1/models/{model}/schema", access=Permission.PREDICT)
def read_model_schema(model: str, query: VersionQuery, platform: Platform) -> dict[str, Any]:
    """JSON Schema of one row of the version that is served."""
    return platform.shelf.get(model, alias=query.alias, version=query.version).signature.row_schema()


@endpoints.get("/v1/models/{model}/openapi.json", access=Permission.PREDICT)
def read_model_openapi(model: str, query: VersionQuery, platform: Platform) -> Response:
    """An OpenAPI document with this model's own fields."""
    served = platform.shelf.get(model, alias=query.alias, version=query.version)
    signature: Signature = served.signature
    return Response(
        current_app.json.dumps(model_document(model, served.version, signature)), content_type="application/json"
    )


def _with_standings(model: catalog.Model, platform: Platform) -> dict[str, Any]:
    standings = {s.alias: asdict(s) for s in platform.shelf.standings() if s.model == model.name}
    return {**asdict(model), "serving": standings}


def _outside(version: catalog.Version) -> dict[str, Any]:
    """What a subscriber is told of a version."""
    return asdict(version) | dict.fromkeys(_INSIDE)
