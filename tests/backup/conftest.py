"""A home with one of everything, and a terminal on it and on empty ones."""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask

from backend.algorithms.manifest import fingerprint
from backend.app import create_app
from backend.database import db
from backend.datasets.tables import Dataset
from backend.identity.authority import ensure_authority, ensure_token_key
from backend.identity.key_files import make_key
from backend.identity.principal import Role
from backend.identity.sessions import start_session
from backend.identity.subscribers import create_subscriber
from backend.identity.users import create_user
from backend.pki import keystore
from backend.registry.tables import ModelVersion
from backend.settings import Settings
from backend.storage import create_storage
from tests.cli import conftest as terminals
from tests.cli.conftest import Terminal

PASSPHRASE = "words that somebody keeps elsewhere"


@dataclass
class Home:
    """A home that was set up; its context is active."""

    settings: Settings
    app: Flask

    def certificate(self, name: str) -> bytes:
        """A new subscriber's certificate, DER."""
        made = make_key(self.settings, create_subscriber(name, actor="test", models=["iris"]), actor="test")
        db.session.commit()
        return x509.load_pem_x509_certificate(made.issued.certificate.encode()).public_bytes(Encoding.DER)

    def dataset(self, content: bytes) -> str:
        """The id of a dataset with a file."""
        facts = {"rows": 1, "columns": [], "bytes": len(content), "source_format": "csv", "options": {}, "warnings": []}
        dataset = Dataset(name="d", created_by="test", sha256=hashlib.sha256(content).hexdigest(), **facts)
        db.session.add(dataset)
        db.session.flush()
        path = self.settings.data / "datasets" / f"{dataset.id}.parquet"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        db.session.commit()
        return dataset.id

    def version(self, number: int, content: bytes) -> Path:
        """The file of a model version that is registered."""
        where = f"1/models/m-{number}/artifacts"
        folder = self.settings.mlruns / "artifacts" / where
        folder.mkdir(parents=True)
        (folder / "model.ubj").write_bytes(content)
        manifest = fingerprint(folder)
        about = {"run_id": "r", "dataset_id": "d", "algorithm": "a", "task": "t", "signature": {}, "metrics": {}}
        row = ModelVersion(
            model="iris", version=number, job_id=f"j{number}", digest=manifest.digest, created_by="x", **about
        )
        row.manifest, row.artifact_path = manifest.to_json(), where
        db.session.add(row)
        db.session.commit()
        return folder / "model.ubj"

    def terminal(self) -> Terminal:
        return Terminal(lambda: self.settings)


def settings_of(home: Path, **more: object) -> Settings:
    return Settings(home=home, backup_passphrase=PASSPHRASE, training_threads=1, **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase is stretched in a moment: what a guess costs is no matter here."""
    monkeypatch.setattr(keystore, "_MEMORY_KIB", 64)


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a command leaves to the end of its process, its connections, ends with the test."""
    made: list[Flask] = []

    def remembered(settings: Settings) -> Flask:
        made.append(create_storage(settings))
        return made[-1]

    monkeypatch.setattr(terminals, "create_storage", remembered)
    yield
    for storage in made:
        with storage.app_context():
            db.engine.dispose()


def made_home(settings: Settings) -> Iterator[Home]:
    """Set up as a first start does, with a person who is signed in; MLflow is stood in for by an empty database of its name."""
    ensure_authority(settings)
    ensure_token_key(settings)
    settings.mlruns.mkdir(exist_ok=True)
    if not settings.mlflow_database_url:
        with sqlite3.connect(settings.mlruns / "mlflow.db") as mlflow:
            mlflow.executescript("CREATE TABLE alembic_version (version_num TEXT); CREATE TABLE runs (id TEXT)")
            mlflow.execute("INSERT INTO runs VALUES ('run-1')")
        mlflow.close()
    app = create_app(settings)
    with app.app_context():
        start_session(create_user("ada", "correct horse battery staple", Role.ADMIN), timedelta(days=1))
        db.session.commit()
        yield Home(settings, app)
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def home(tmp_path: Path, migrated_file: Path) -> Iterator[Home]:
    settings = settings_of(tmp_path / "old")
    settings.data.mkdir(parents=True, mode=0o700)
    shutil.copyfile(migrated_file, settings.data / "signet.db")
    yield from made_home(settings)


@pytest.fixture
def restored(tmp_path: Path) -> Home:
    """An empty home; its context is not active."""
    settings = settings_of(tmp_path / "new")
    return Home(settings, Flask("none"))
