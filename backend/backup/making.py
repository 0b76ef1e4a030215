"""A backup: the platform as it is at one moment, while it goes on, in one sealed archive.

Files are held first, then the databases' moments, then the files that came in between: whatever a row of that moment names is held.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import func, select

from backend.audit.tables import AuditEvent, AuditHead
from backend.audit.verify import Head
from backend.backup.databases import Database, every_database
from backend.backup.entries import Writing
from backend.backup.envelope import Sealing
from backend.backup.holding import Holding, holding
from backend.backup.openers import Opener
from backend.backup.snapshots import Snapshot, snapshot
from backend.database import now
from backend.datasets.tables import Dataset
from backend.durable import flush
from backend.errors import Invalid
from backend.identity.authority_files import locked, read_encryption_key
from backend.identity.subscriber_tables import RevocationList
from backend.registry.tables import ModelVersion
from backend.settings import VERSION, Settings

FORMAT = 1
_TRIES = 5


@dataclass(frozen=True)
class Made:
    """What an archive holds, and of which moment; `missing` names files that were gone before, of the platform itself."""

    made_at: datetime
    entries: int
    bytes: int
    datasets: int
    versions: int
    head: Head
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Expected:
    """What the rows of a moment name: datasets by id, model versions with their files."""

    datasets: tuple[str, ...]
    versions: tuple[dict[str, Any], ...]

    def missing(self, held: Holding) -> tuple[str, ...]:
        """The files that are named and not held."""
        lost = [f"datasets/{each}.parquet" for each in self.datasets if not held.datasets.has(f"{each}.parquet")]
        if held.artifacts.source.is_dir():
            lost += [f"artifacts/{name}" for name in self.artifacts() if not held.artifacts.has(name)]
        return tuple(lost)

    def artifacts(self) -> Iterator[str]:
        for version in self.versions:
            for file in version["manifest"]["files"]:
                yield f"{version['artifact_path']}/{file['path']}"


def make_backup(settings: Settings, target: BinaryIO, openers: Sequence[Opener]) -> Made:
    """Write the archive of this moment to `target`, for whoever has what one of `openers` closes with.

    Conflict while another one is being made, NotReady where a database does not answer.
    """
    if not openers:
        raise Invalid("A backup needs a passphrase or a recipient: it holds every key of the platform.")
    sealing = Sealing(target, openers)
    archive = Writing(sealing)
    with holding(settings) as held, ExitStack() as snapshots:
        moments, expected, made_at = _consistent(settings, held, snapshots)
        head = _head(moments[0])
        archive.add("about.json", [json.dumps(_about(moments, head, made_at)).encode()])
        archive.add("expected.json", [json.dumps(asdict(expected)).encode()])
        _add_keys(settings, archive)
        for moment in moments:
            moment.write(archive, held.scratch)
        snapshots.close()
        _add_files(archive, held)
        missing = expected.missing(held)
    archive.end()
    sealing.close()
    sizes = len(expected.datasets), len(expected.versions)
    return Made(made_at, archive.entries, archive.bytes, *sizes, head, missing)


def _consistent(settings: Settings, held: Holding, stack: ExitStack) -> tuple[list[Snapshot], Expected, datetime]:
    """Moments of the databases of which every file is held; tried again where one came and went in between."""
    for left in reversed(range(_TRIES)):
        held.take()
        made_at = now()
        moments = [stack.enter_context(snapshot(database)) for database in _present(settings)]
        held.take()
        expected = _expected(moments[0])
        if not left or not expected.missing(held):
            return moments, expected, made_at
        stack.close()
    raise AssertionError("the last try returns")


def _present(settings: Settings) -> list[Database]:
    """Our own, and those of MLflow's that are on this machine: it may be elsewhere, and begins with none."""
    own, *others = every_database(settings)
    return [own, *(each for each in others if each.file is None or each.file.exists())]


def _expected(moment: Snapshot) -> Expected:
    datasets = moment.connection.execute(select(Dataset.id)).scalars()
    columns = (ModelVersion.model, ModelVersion.version, ModelVersion.artifact_path, ModelVersion.manifest)
    versions = moment.connection.execute(select(*columns)).mappings()
    return Expected(tuple(datasets), tuple(dict(version) for version in versions))


def _head(moment: Snapshot) -> Head:
    row = moment.connection.execute(select(AuditHead.position, AuditHead.hash)).one()
    return Head(row.position, row.hash)


def _about(moments: Sequence[Snapshot], head: Head, made_at: datetime) -> dict[str, Any]:
    newest = select(AuditEvent.at).order_by(AuditEvent.position.desc()).limit(1)
    at = moments[0].connection.execute(newest).scalar()
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_at": made_at.isoformat(),
        "head": asdict(head),
        "newest_event_at": at.isoformat() if at else None,
        "list_number": moments[0].connection.execute(select(func.max(RevocationList.number))).scalar() or 0,
        "databases": {each.database.name: _facts(each) for each in moments},
    }


def _facts(moment: Snapshot) -> dict[str, Any]:
    """Its kind and the revisions of its schema."""
    revisions = {
        table: sorted(moment.connection.exec_driver_sql(f"SELECT version_num FROM {table}").scalars())  # noqa: S608
        for table in moment.tables()
        if table.startswith("alembic_version")
    }
    return {"kind": moment.connection.dialect.name, "revisions": revisions}


def _add_keys(settings: Settings, archive: Writing) -> None:
    """Everything below `certs/`, of one moment, and what opens the sealed keys where that is not a file there."""
    with locked(settings.certs):
        files = [path for path in sorted(settings.certs.rglob("*")) if _is_kept(path)]
        for path in files:
            mode = 0o644 if path.stat().st_mode & 0o044 else 0o600
            archive.add(f"certs/{path.relative_to(settings.certs).as_posix()}", [path.read_bytes()], mode=mode)
    archive.add("key-encryption-key", [read_encryption_key(settings)])


def _is_kept(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.suffix != ".lock" and path.name != ".lock"


def _add_files(archive: Writing, held: Holding) -> None:
    for each in (held.datasets, held.artifacts, held.records):
        for name, path in each.files():
            with path.open("rb") as file:
                archive.add_file(f"{each.kind}/{name}", file)


@contextlib.contextmanager
def whole_or_nothing(path: Path) -> Iterator[BinaryIO]:
    """A new file (0600) that is at `path` once the block has ended well, on the disk, and nowhere otherwise."""
    draft = path.with_name(f".{path.name}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        flush(path.parent)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
