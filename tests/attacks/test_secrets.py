"""Case 65, where the platform itself speaks: what its settings, its keys and its journal say when something is wrong with a secret."""

import logging
import traceback
from pathlib import Path

import pytest
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from backend.database import db
from backend.errors import UnsafeSettings
from backend.identity.authority import ensure_authority
from backend.identity.authority_files import open_issuers
from backend.settings import Settings, load_settings
from tests.conftest import Person

SECRET = "hunter2-hunter2"

WRONG = {
    "a port": {"SIGNET_PORT": SECRET},
    "an address": {"SIGNET_API_URL": f"http://ada:{SECRET}@api.example"},
    "two ports alike": {"SIGNET_PORT": "8443", "SIGNET_UI_PORT": "8443"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_setting_that_is_wrong(wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """65. Whoever starts the platform pastes the error into a chat: it names the variable and no value, of no variable."""
    around = {"SIGNET_KEY_ENCRYPTION_KEY": SECRET, "SIGNET_DATABASE_URL": f"postgresql://signet:{SECRET}@db/signet"}
    for name, value in ({"SIGNET_HOME": str(tmp_path)} | around | WRONG[wrong]).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnsafeSettings, match="SIGNET_") as refused:
        load_settings()
    said = "".join(traceback.format_exception(refused.value))
    assert SECRET not in said
    assert SECRET not in refused.value.detail + str(refused.value.cause)


def test_settings_as_text(tmp_path: Path) -> None:
    """65. Settings that end up in a log line or a traceback hold neither key nor password."""
    settings = Settings(
        home=tmp_path, key_encryption_key=SecretStr(SECRET), database_url=f"postgresql://signet:{SECRET}@db/signet"
    )
    assert SECRET not in repr(settings) + str(settings)


@pytest.mark.parametrize("key", [SECRET, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=", "A" * 43 + "="])
def test_an_encryption_key_that_does_not_fit(settings: Settings, key: str) -> None:
    """65. A key-encryption key that is mistyped, too short or another one is no part of what is said about it."""
    ensure_authority(settings)
    with pytest.raises(UnsafeSettings, match="key-encryption key") as refused:
        open_issuers(settings.model_copy(update={"key_encryption_key": SecretStr(key)}))
    assert key not in "".join(traceback.format_exception(refused.value)) + str(refused.value.cause)


def test_what_was_to_be_written(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """65. An error of the database is logged with its statement, never with the values: a password's hash is among them."""
    with pytest.raises(DatabaseError) as failed:
        db.session.execute(text("INSERT INTO gone (password_hash) VALUES (:hash)"), {"hash": SECRET})
    logging.getLogger("signet").error("unexpected", exc_info=failed.value)
    assert "INSERT INTO gone" in caplog.text
    assert SECRET not in caplog.text + str(failed.value)


def test_a_token_in_the_wrong_field(manager: Person) -> None:
    """65. People paste tokens into fields for names; the journal, which many read and nobody can shorten, leaves them out."""
    token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ"
    assert manager.post("/v1/subscribers", json={"name": token, "models": []}).status_code == 201
    told = manager.get("/v1/audit?event=subscriber.created").text
    assert "(left out)" in told
    assert token not in told
