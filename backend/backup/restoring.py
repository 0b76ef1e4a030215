"""A restore: an archive is unpacked beside an empty home, verified to its last byte, and only then becomes the platform."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from sqlalchemy import func, select

from backend.algorithms.manifest import Manifest
from backend.audit.verify import Head, Verdict, verify_chain
from backend.backup.amends import Amends, LaterList, make_amends
from backend.backup.databases import every_database
from backend.backup.entries import Entry, read_entries
from backend.backup.envelope import Opened
from backend.backup.making import FORMAT
from backend.backup.openers import Opener
from backend.backup.rows import load_rows
from backend.backup.staging import Staging, verify_empty, verify_no_restore_unfinished
from backend.database import Table, db
from backend.datasets.tables import Dataset
from backend.errors import Invalid
from backend.identity.resealing import reseal
from backend.identity.subscriber_tables import Certificate, Subscriber
from backend.identity.tables import User
from backend.migrations.upgrade import upgrade
from backend.pki.keystore import write_private
from backend.registry.tables import ModelVersion
from backend.settings import Settings
from backend.storage import create_storage

_COUNTED: dict[str, type[Table]] = {
    "people": User,
    "subscribers": Subscriber,
    "certificates": Certificate,
    "datasets": Dataset,
    "model versions": ModelVersion,
}
_SMALL = ("about.json", "expected.json", "key-encryption-key")


@dataclass(frozen=True)
class Restored:
    """What is there now, and what cannot be trusted of it."""

    made_at: datetime
    version: str
    counts: dict[str, int]
    missing: tuple[str, ...]
    verdict: Verdict
    amends: Amends
    list_issued_at: datetime | None


@dataclass(frozen=True)
class Wishes:
    """How a restore is to be done: `list_file` is a revocation list that was kept, `known` a head of the journal."""

    actor: str
    list_file: Path | None = None
    known: Head | None = None
    suspend: Literal["all", "none"] = "all"


def restore_backup(settings: Settings, source: BinaryIO, openers: Sequence[Opener], wishes: Wishes) -> Restored:
    """Make an empty home, and empty databases, the platform of the archive.

    Raises Conflict where anything is there, Invalid where the archive is not whole, does not open, or is of a later release: then
    nothing was restored.
    """
    verify_no_restore_unfinished(settings)
    verify_empty(settings)
    staging = Staging(settings)
    os.umask(0o077)
    staging.prepare()
    try:
        small = _unpack(Opened(source, openers), staging)
        about, expected = json.loads(small["about.json"]), json.loads(small["expected.json"])
        _verify_kinds(settings, about)
        missing = _verify_files(staging, expected)
        _verify_sqlite(settings, staging)
        later = _find_later(staging, about, wishes)
    except BaseException:
        staging.discard()
        raise
    for database in every_database(settings):
        archived = about["databases"].get(database.name)
        if database.file is None and archived:
            load_rows(settings, database, staging.rows / database.name, archived["revisions"])
    staging.place()
    _keep_key(settings, small["key-encryption-key"])
    with create_storage(settings).app_context():
        restored = _revive(settings, about, small["key-encryption-key"], wishes, later, missing)
    staging.discard()
    return restored


def _unpack(opened: Opened, staging: Staging) -> dict[str, bytes]:
    """Every file beside its place; the small entries come back."""
    small: dict[str, bytes] = {}
    for entry in read_entries(opened):
        if entry.name in _SMALL:
            small[entry.name] = entry.whole()
            _verify_format(entry, small[entry.name])
        else:
            staging.keep(entry)
    opened.verify_ended()
    if set(small) != set(_SMALL):
        raise Invalid("The archive lacks what every archive has. Take another one.")
    return small


def _verify_format(entry: Entry, content: bytes) -> None:
    """Before anything else is unpacked."""
    if entry.name == "about.json" and json.loads(content)["format"] != FORMAT:
        raise Invalid("The archive was made by a later release. Restore it with that one.")


def _verify_kinds(settings: Settings, about: dict[str, Any]) -> None:
    there = {database.name: database.url.get_backend_name() for database in every_database(settings)}
    archived = {name: facts["kind"] for name, facts in about["databases"].items()}
    if {name: there.get(name) for name in archived} != archived:
        raise Invalid(
            f"The archive holds {_listed(archived)}, but the settings name {_listed(there)}. Set the databases' URLs alike."
        )


def _listed(kinds: dict[str, str]) -> str:
    return ", ".join(f"{name} in {kind}" for name, kind in sorted(kinds.items()))


def _verify_files(staging: Staging, expected: dict[str, Any]) -> tuple[str, ...]:
    """What was missing when the archive was made; Invalid where a model's file is not the one that was registered."""
    lost = [
        f"datasets/{each}.parquet"
        for each in expected["datasets"]
        if not (staging.datasets / f"{each}.parquet").is_file()
    ]
    for version in expected["versions"]:
        for file in Manifest.from_json(version["manifest"]).files:
            path = staging.artifacts / version["artifact_path"] / file.path
            if not path.is_file():
                lost.append(f"artifacts/{version['artifact_path']}/{file.path}")
            elif path.stat().st_size != file.bytes or _digest(path) != file.sha256:
                raise Invalid(
                    f"Version {version['version']} of '{version['model']}' was damaged before the backup was made."
                )
    return tuple(lost)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify_sqlite(settings: Settings, staging: Staging) -> None:
    for database in every_database(settings):
        path = staging.database(database.name)
        if database.file is not None and path.exists():
            with closing(sqlite3.connect(path)) as connection:
                if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    raise Invalid(f"The database '{database.name}' was damaged before the backup was made.")


def _find_later(staging: Staging, about: dict[str, Any], wishes: Wishes) -> LaterList | None:
    if wishes.list_file is None:
        return None
    return LaterList.read(wishes.list_file, staging.certs / "authority" / "subscribers-ca.pem", about["list_number"])


def _keep_key(settings: Settings, former: bytes) -> None:
    """What opens the sealed keys is a file where the settings do not hold it, and is none where they do."""
    path = settings.certs / "key-encryption-key"
    if settings.key_encryption_key.get_secret_value():
        path.unlink(missing_ok=True)
    elif not path.exists():
        write_private(path, former)


def _revive(
    settings: Settings,
    about: dict[str, Any],
    former_key: bytes,
    wishes: Wishes,
    later: LaterList | None,
    missing: tuple[str, ...],
) -> Restored:
    """The schema of this release, secrets under this home's key, and amends for what was done since."""
    upgrade(settings)
    made_at = datetime.fromisoformat(about["made_at"])
    try:
        # What was kept of the journal elsewhere is compared with what the archive brought, before anything is added.
        verdict = verify_chain(known=wishes.known)
        reseal(settings, former_key)
        amends = make_amends(settings, made_at, later, suspend=wishes.suspend, actor=wishes.actor)
        db.session.commit()
        counts = {name: _count(table) for name, table in _COUNTED.items()}
    finally:
        db.session.rollback()
        db.engine.dispose()
    return Restored(made_at, about["version"], counts, missing, verdict, amends, later.issued_at if later else None)


def _count(table: type[Table]) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0
