"""What is registered, for people and for serving: models, versions, and which version an alias names."""

import logging
import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Self

from sqlalchemy import select

from backend.database import db
from backend.errors import Invalid, NotFound
from backend.registry.known_aliases import read_known_aliases
from backend.registry.mlflow_rest import Aliases, MlflowRest
from backend.registry.tables import ModelVersion
from backend.settings import Settings

_log = logging.getLogger(__name__)

# MLflow keeps `latest` and `v1`, `v2`.. for itself.
_ALIAS = re.compile(r"(?!latest$|v\d+$)[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Version:
    """One version as people see it."""

    model: str
    version: str
    aliases: list[str]
    task: str
    algorithm: str
    digest: str
    metrics: Mapping[str, Any]
    compiled: Mapping[str, Any]
    signature: Mapping[str, Any]
    dataset_id: str
    job_id: str
    run_id: str
    run_url: str
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, settings: Settings, row: ModelVersion, aliases: Mapping[str, int]) -> Self:
        return cls(
            model=row.model,
            version=str(row.version),
            aliases=sorted(alias for alias, version in aliases.items() if version == row.version),
            task=row.task,
            algorithm=row.algorithm,
            digest=row.digest,
            metrics=row.metrics,
            compiled=row.compiled,
            signature=row.signature,
            dataset_id=row.dataset_id,
            job_id=row.job_id,
            run_id=row.run_id,
            run_url=run_url(settings, row.artifact_path.partition("/")[0], row.run_id),
            created_by=row.created_by,
            created_at=row.created_at,
        )


@dataclass(frozen=True)
class Model:
    """One model: its versions, the newest first, and what its aliases name."""

    name: str
    aliases: Mapping[str, str]
    versions: list[Version]


def list_models(settings: Settings, aliases: Aliases | None = None) -> list[Model]:
    """All models by name, with the aliases as they were known last unless others are given."""
    rows = db.session.scalars(select(ModelVersion).order_by(ModelVersion.model, ModelVersion.version.desc()))
    known = read_known_aliases(settings) if aliases is None else aliases
    return [_model(settings, name, found, known) for name, found in groupby(rows, key=lambda row: row.model)]


def get_model(settings: Settings, model: str, aliases: Aliases | None = None) -> Model:
    """One model; NotFound where none of its versions is recorded."""
    query = select(ModelVersion).where(ModelVersion.model == model).order_by(ModelVersion.version.desc())
    rows = db.session.scalars(query).all()
    if not rows:
        raise NotFound(f"There is no model '{model}'.")
    return _model(settings, model, rows, read_known_aliases(settings) if aliases is None else aliases)


def get_version(settings: Settings, model: str, version: str, aliases: Aliases | None = None) -> Version:
    """One version; NotFound where it is not recorded."""
    known = read_known_aliases(settings) if aliases is None else aliases
    return Version.of(settings, get_recorded(model, version), known.get(model, {}))


def get_recorded(model: str, version: str | int) -> ModelVersion:
    """What was recorded of a version when it was registered; NotFound where nothing was."""
    number = int(version) if str(version).isdecimal() and len(str(version)) < 10 else 0
    row = db.session.get(ModelVersion, (model, number))
    if row is None:
        raise NotFound(f"There is no version {version} of a model '{model}'.")
    return row


def list_digests() -> set[str]:
    """The digests of all recorded versions."""
    return set(db.session.scalars(select(ModelVersion.digest)))


def set_alias(settings: Settings, model: str, alias: str, version: str, actor: str) -> None:
    """Promote or roll back: the alias names that version from now on; NotReady while MLflow is away."""
    verify_alias(alias)
    recorded = get_recorded(model, version)
    with closing(MlflowRest(settings)) as mlflow:
        mlflow.set_alias(model, alias, recorded.version)
    _log.info("%s names version %s of %s '%s'", actor, recorded.version, model, alias)


def verify_alias(alias: str) -> None:
    """Invalid unless it can be the name of an alias."""
    if not _ALIAS.fullmatch(alias):
        raise Invalid(
            "An alias has 1 to 63 small letters, digits, _ and -, begins with a letter, and is not 'latest' or 'v1'."
        )


def run_url(settings: Settings, experiment_id: str, run_id: str) -> str:
    """The page of a run in MLflow."""
    # Without the query MLflow draws its pages for language models around the run.
    return f"{settings.mlflow_for_people}/#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"


def _model(settings: Settings, name: str, rows: Iterable[ModelVersion], aliases: Aliases) -> Model:
    known = aliases.get(name, {})
    named = {alias: str(version) for alias, version in sorted(known.items())}
    return Model(name, named, [Version.of(settings, row, known) for row in rows])
