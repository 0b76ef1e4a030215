"""The row of a registered model version: what was recorded of it before anybody could be served by it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import Table, now


class ModelVersion(Table):
    """One version of one model; `digest` and `manifest` are what its files are checked against before each load."""

    __tablename__ = "model_versions"

    model: Mapped[str] = mapped_column(String(63), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # One job gives one version, however often its registration is begun.
    job_id: Mapped[str] = mapped_column(String(36), unique=True)
    run_id: Mapped[str] = mapped_column(String(64))
    dataset_id: Mapped[str] = mapped_column(String(36))
    algorithm: Mapped[str] = mapped_column(String(63))
    task: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64))
    manifest: Mapped[dict[str, Any]] = mapped_column(JSON)
    # Where MLflow's artifact store holds the bundle, below `mlflow-artifacts:/`.
    artifact_path: Mapped[str] = mapped_column(String(512))
    signature: Mapped[dict[str, Any]] = mapped_column(JSON)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON)
    # In which form it is served and how that was chosen; empty for versions of before there was a choice.
    compiled: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
