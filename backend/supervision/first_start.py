"""What a home needs before its first process runs; on every later start, nothing is left to do."""

import importlib
import os

import click

from backend.backup.staging import verify_no_restore_unfinished
from backend.database import db
from backend.identity.authority import ensure_authority, ensure_token_key
from backend.identity.handing_out import hand_out
from backend.identity.users import INITIAL_PASSWORD, ensure_administrator, list_users
from backend.migrations.upgrade import upgrade
from backend.registry import mlflow_server
from backend.settings import Settings
from backend.storage import create_storage
from backend.supervision.marker import mark_first


def prepare(settings: Settings) -> None:
    """Folders, keys and certificates, database schema, administrator, sample model: each made where it is missing."""
    os.umask(0o077)
    verify_no_restore_unfinished(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    ensure_authority(settings)
    ensure_token_key(settings)
    upgrade(settings)
    mlflow_server.prepare(settings)
    hand_out(settings)
    with create_storage(settings).app_context():
        # Administrator and sample come together or not at all, so that a start that was cut short is repeated whole.
        if not list_users():
            _welcome(settings)
        db.session.commit()
        db.engine.dispose()


def _welcome(settings: Settings) -> None:
    mark_first(settings)
    # Imported only here: scikit-learn takes longest, and no later start needs it.
    importlib.import_module("backend.supervision.sample").enqueue(settings)
    ensure_administrator(settings)
    password = settings.certs / INITIAL_PASSWORD
    click.echo(f"{settings.home} is set up. Its first administrator is admin, with the password in {password}.")
