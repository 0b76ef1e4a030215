"""The files of a version on this machine: fetched from MLflow once, checked against what was recorded, kept by digest."""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from filelock import FileLock, Timeout

from backend.algorithms.manifest import FileFingerprint, Manifest, verify_bundle
from backend.errors import DigestMismatch
from backend.registry.mlflow_rest import MlflowRest
from backend.settings import Settings

_DIGEST = re.compile(r"[0-9a-f]{64}")
_GRACE_SECONDS = 3600


def fetch_bundle(settings: Settings, mlflow: MlflowRest, artifact_path: str, manifest: Manifest) -> Path:
    """The folder of a verified bundle, from this machine where it is whole here and from MLflow otherwise.

    Raises DigestMismatch where MLflow holds other bytes than were registered, NotReady while MLflow does not answer.
    """
    folder = bundle_folder(settings, manifest)
    if folder.is_dir():
        try:
            verify_bundle(folder, manifest)
            os.utime(folder)  # what was loaded lately is swept last
            return folder
        except (DigestMismatch, FileNotFoundError):
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


def sweep_bundles(settings: Settings, named: Collection[str]) -> list[str]:
    """Remove bundles whose digest no version has any more, and the least lately loaded beyond the cap; the digests removed.

    Safe beside any number of processes that load: a bundle goes in one step, whoever finds it gone fetches it again, and what was
    fetched within the hour stays. One process sweeps at a time.
    """
    root = settings.data / "models"
    if not root.is_dir():
        return []
    try:
        with FileLock(root / ".sweep.lock", timeout=0):
            _sweep_drafts(root)
            return _sweep(root, named, settings.model_files_mb * 1024 * 1024)
    except Timeout:
        return []


def bundle_folder(settings: Settings, manifest: Manifest) -> Path:
    """Where the files of that manifest are kept."""
    return settings.data / "models" / manifest.digest


def _sweep(root: Path, named: Collection[str], most_bytes: int) -> list[str]:
    bundles = sorted((path for path in root.iterdir() if _DIGEST.fullmatch(path.name)), key=_used_at)
    sizes = {path.name: sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) for path in bundles}
    total, removed = sum(sizes.values()), list[str]()
    for path in sorted(bundles, key=lambda path: path.name in named):
        if (path.name in named and total <= most_bytes) or _used_at(path) > time.time() - _GRACE_SECONDS:
            continue
        _discard(path)
        removed.append(path.name)
        total -= sizes[path.name]
    return removed


def _sweep_drafts(root: Path) -> None:
    """What a process that was killed in the middle left."""
    for path in root.iterdir():
        if path.name.startswith((".fetch-", ".damaged-")) and _used_at(path) < time.time() - _GRACE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _used_at(path: Path) -> float:
    return path.stat().st_mtime


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
