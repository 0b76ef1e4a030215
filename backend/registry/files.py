"""The files of a version on this machine: fetched from MLflow once, checked against what was recorded, kept by digest."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from backend.algorithms.manifest import FileFingerprint, Manifest, verify_bundle
from backend.errors import DigestMismatch
from backend.registry.mlflow_rest import MlflowRest
from backend.settings import Settings


def fetch_bundle(settings: Settings, mlflow: MlflowRest, artifact_path: str, manifest: Manifest) -> Path:
    """The folder of a verified bundle, from this machine where it is whole here and from MLflow otherwise.

    Raises DigestMismatch where MLflow holds other bytes than were registered, NotReady while MLflow does not answer.
    """
    folder = bundle_folder(settings, manifest)
    if folder.is_dir():
        try:
            verify_bundle(folder, manifest)
            return folder
        except DigestMismatch:
            _discard(folder)
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder.parent))
    try:
        for file in manifest.files:
            _fetch(mlflow, artifact_path, file, draft / file.path)
        _publish(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def bundle_folder(settings: Settings, manifest: Manifest) -> Path:
    """Where the files of that manifest are kept."""
    return settings.data / "models" / manifest.digest


def _fetch(mlflow: MlflowRest, artifact_path: str, file: FileFingerprint, target: Path) -> None:
    """One file, given up at the first byte beyond the recorded size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with mlflow.file(f"{artifact_path}/{file.path}") as pieces, target.open("wb") as stream:
        for piece in pieces:
            size += len(piece)
            if size > file.bytes:
                break
            digest.update(piece)
            stream.write(piece)
    if size != file.bytes or digest.hexdigest() != file.sha256:
        detail = "The model's files in MLflow are not the ones that were registered, so the model is not loaded."
        raise DigestMismatch(detail, cause=f"{artifact_path}/{file.path}")


def _publish(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        # Another process was first. Its folder has the same digest, and whoever loads from it verifies it.
        if not folder.is_dir():
            raise


def _discard(folder: Path) -> None:
    """Out of the way in one step, so that nobody reads it half deleted."""
    away = Path(tempfile.mkdtemp(prefix=".damaged-", dir=folder.parent))
    try:
        folder.rename(away / folder.name)
    except FileNotFoundError:
        pass
    finally:
        shutil.rmtree(away, ignore_errors=True)
