"""The fingerprint of a model's files: a folder comes in, names with SHA-256 and one digest go out."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from backend.errors import DigestMismatch, Invalid

# Names that mean the same in a URL and on every file system, and cannot leave the folder.
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileFingerprint:
    """One file of a model: its path inside the folder, SHA-256 and size in bytes."""

    path: str
    sha256: str
    bytes: int

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path) or len(self.path) > 200:
            raise Invalid("A model's file has a name that is not allowed.", cause=f"path {self.path!r}")
        if not _SHA256.fullmatch(self.sha256) or self.bytes < 0:
            raise Invalid(f"The fingerprint of the model's file '{self.path}' is malformed.")


@dataclass(frozen=True)
class Manifest:
    """Every file of a model, sorted by path; `digest` names them all at once."""

    files: tuple[FileFingerprint, ...]

    def __post_init__(self) -> None:
        paths = [file.path for file in self.files]
        if paths != sorted(set(paths)):
            raise Invalid("A model's manifest must name each file once, in order.")

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the canonical JSON of the files."""
        canonical = json.dumps([asdict(file) for file in self.files], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {"files": [asdict(file) for file in self.files], "digest": self.digest}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises Invalid where a path could leave the folder, DigestMismatch where the digest is not that of the files."""
        try:
            files = tuple(FileFingerprint(f["path"], f["sha256"], f["bytes"]) for f in data["files"])
            digest = data["digest"]
        except (KeyError, TypeError) as error:
            raise Invalid("The model's manifest is incomplete.", cause=repr(error)) from error
        manifest = cls(files)
        if manifest.digest != digest:
            raise DigestMismatch("The model's manifest was changed after it was recorded.")
        return manifest


def fingerprint(folder: Path) -> Manifest:
    """The manifest of a folder as it is now; Invalid where it holds a link, a device or a name that is not allowed."""
    files = sorted((path.relative_to(folder).as_posix(), path) for path in _files(folder))
    return Manifest(tuple(FileFingerprint(name, _sha256(path), path.stat().st_size) for name, path in files))


def verify_bundle(folder: Path, manifest: Manifest) -> None:
    """Raise DigestMismatch unless the folder holds exactly the files of the manifest, byte for byte."""
    try:
        found = fingerprint(folder)
    except (Invalid, OSError) as error:
        raise DigestMismatch(_CHANGED, cause=repr(error)) from error
    if found != manifest:
        differing = sorted(file.path for file in set(found.files) ^ set(manifest.files))
        raise DigestMismatch(_CHANGED, cause=f"{folder}: differs in {differing}")


_CHANGED = "The model's files are not the ones that were registered, so the model is not loaded."


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink():
            raise Invalid("A model's folder may not hold links.", cause=str(path))
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path
        else:
            raise Invalid("A model's folder may hold files only.", cause=str(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
