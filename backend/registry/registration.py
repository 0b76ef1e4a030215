"""A finished run becomes a registered version, exactly once: a job's result comes in; the recorded version goes out.

Each step finds what an earlier try left (the version by its tag, the row by its job), so that a worker may be killed between any
two of them and try again. The digest is recorded before an alias leads anybody to the version.
"""

import json
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from backend.algorithms.manifest import Manifest, verify_bundle
from backend.algorithms.signature import SIGNATURE_FILE, Signature
from backend.database import db
from backend.errors import Conflict
from backend.registry.mlflow_rest import MlflowRest
from backend.registry.mlmodel import BUNDLE, write_model
from backend.registry.tables import ModelVersion
from backend.settings import Settings
from backend.training.spec import Result
from backend.training.tables import Job

CHAMPION = "champion"
JOB_TAG, DIGEST_TAG = "signet.job_id", "signet.digest"
_FOLDER = "model"


def register(settings: Settings, *, job: Job, run_id: str, result_folder: Path) -> ModelVersion:
    """The version of the job, made if need be; the first version of a model becomes its champion.

    Commits, because the row must be visible to everybody before an alias names the version. Call it again after NotReady or a crash.
    Raises DigestMismatch where the result was changed after training.
    """
    with closing(MlflowRest(settings)) as mlflow:
        version = _find(job.id) or _record(mlflow, job, run_id, result_folder)
        for number in mlflow.find_versions(version.model, JOB_TAG, version.job_id):
            if number != version.version:
                mlflow.delete_version(version.model, number)
        _crown(mlflow, version)
    return version


def _find(job_id: str) -> ModelVersion | None:
    return db.session.scalar(select(ModelVersion).where(ModelVersion.job_id == job_id))


def _record(mlflow: MlflowRest, job: Job, run_id: str, result_folder: Path) -> ModelVersion:
    result = Result.read(result_folder)
    bundle, manifest = result_folder / "bundle", Manifest.from_json(result.manifest)
    verify_bundle(bundle, manifest)
    signature = Signature.from_json(json.loads((bundle / SIGNATURE_FILE).read_text("utf-8")))
    path = f"{mlflow.artifact_root(run_id)}/{_FOLDER}"
    mlflow.ensure_model(job.model)
    found = mlflow.find_versions(job.model, JOB_TAG, job.id)
    if not found:
        with tempfile.TemporaryDirectory(prefix="signet-model-") as folder:
            write_model(Path(folder), bundle, manifest, signature, python=result.versions["python"])
            _upload(mlflow, Path(folder), path)
        tags = {JOB_TAG: job.id, DIGEST_TAG: manifest.digest}
        found = [mlflow.create_version(job.model, run_id, f"mlflow-artifacts:/{path}", tags)]
    return _insert(
        model=job.model,
        version=found[0],
        job_id=job.id,
        run_id=run_id,
        dataset_id=job.dataset_id,
        algorithm=job.algorithm,
        task=signature.task,
        digest=manifest.digest,
        manifest=manifest.to_json(),
        artifact_path=f"{path}/{BUNDLE}",
        signature=signature.to_json(),
        metrics=dict(result.metrics),
        compiled=dict(result.compiled),
        created_by=job.created_by,
    )


def _upload(mlflow: MlflowRest, folder: Path, path: str) -> None:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            with file.open("rb") as stream:
                mlflow.put_file(f"{path}/{file.relative_to(folder).as_posix()}", stream)


def _insert(**values: Any) -> ModelVersion:
    """The row, or that of another worker that was quicker with the same job."""
    try:
        db.session.execute(insert(ModelVersion).values(**values))
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        if _find(values["job_id"]) is None:
            detail = f"MLflow gave '{values['model']}' a version number that is recorded for another job. Use another model name."
            raise Conflict(detail, cause=repr(error)) from error
    version = _find(values["job_id"])
    assert version is not None  # noqa: S101 - inserted above, by this worker or by the other
    return version


def _crown(mlflow: MlflowRest, version: ModelVersion) -> None:
    """The champion of a model is its first version until a person says otherwise."""
    earlier = select(func.count()).where(ModelVersion.model == version.model, ModelVersion.version < version.version)
    if not db.session.scalar(earlier) and CHAMPION not in mlflow.aliases().get(version.model, {}):
        mlflow.set_alias(version.model, CHAMPION, version.version)
