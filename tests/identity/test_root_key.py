"""The root's key away and back, and the key that seals it from the environment."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from pydantic import SecretStr

from backend.errors import Conflict, Invalid, NotFound, UnsafeSettings
from backend.identity.authority import ageing_without_root, ensure_authority
from backend.identity.authority_files import open_authority, open_issuers
from backend.identity.issuing import issue_certificate
from backend.identity.revocation import revoke_certificate
from backend.identity.root_key import bring_root_online, take_root_offline
from backend.identity.subscriber_tables import Subscriber
from backend.pki import keystore
from backend.pki.authority import Authority
from backend.pki.keystore import new_encryption_key
from backend.registry.mlflow_server import environment
from backend.settings import Settings, without_keys
from tests.certifying import signing_request

PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretching that costs a test nothing; its real cost is asserted in tests/pki."""
    monkeypatch.setattr(keystore, "_MEMORY_KIB", 64)


@pytest.fixture
def taken(app: Flask, settings: Settings, authority: Authority, tmp_path: Path) -> Path:
    """The file to which the root's key was moved."""
    path = tmp_path / "stick" / "root.json"
    path.parent.mkdir()
    take_root_offline(settings, path, PASSPHRASE, actor="cli:op")
    return path


def test_everything_runs_without_it(settings: Settings, taken: Path, billing: Subscriber) -> None:
    assert not (settings.certs / "authority" / "root.key").exists()
    assert ensure_authority(settings).root_key is None
    issued = issue_certificate(settings, billing, signing_request(), actor="mia")
    revoke_certificate(settings, issued.serial_number, "superseded", actor="mia")


def test_the_file_is_for_its_owner_and_says_nothing(authority: Authority, taken: Path) -> None:
    assert stat.S_IMODE(taken.stat().st_mode) == 0o600
    assert json.loads(taken.read_bytes())["cipher"] == "AES-256-GCM"
    assert authority.root_key is not None
    assert authority.root_key.private_numbers().private_value.to_bytes(48, "big") not in taken.read_bytes()


def test_it_comes_back_with_its_passphrase(settings: Settings, authority: Authority, taken: Path) -> None:
    with pytest.raises(Invalid, match="passphrase is wrong"):
        bring_root_online(settings, taken, "another passphrase", actor="cli:op")
    bring_root_online(settings, taken, PASSPHRASE, actor="cli:op")
    returned = open_authority(settings).root_key
    assert returned is not None
    assert authority.root_key is not None
    assert returned.private_numbers() == authority.root_key.private_numbers()


def test_it_is_taken_once_and_never_over_a_file(settings: Settings, taken: Path) -> None:
    with pytest.raises(Conflict, match="not here"):
        take_root_offline(settings, taken.with_name("again"), PASSPHRASE, actor="cli:op")
    bring_root_online(settings, taken, PASSPHRASE, actor="cli:op")
    with pytest.raises(Conflict, match="there already"):
        take_root_offline(settings, taken, PASSPHRASE, actor="cli:op")
    assert open_authority(settings).root_key is not None


@pytest.mark.parametrize("passphrase", ["", "short", "x" * 129])
def test_a_poor_passphrase_is_refused(
    app: Flask, settings: Settings, authority: Authority, tmp_path: Path, passphrase: str
) -> None:
    with pytest.raises(Invalid, match="12 to 128"):
        take_root_offline(settings, tmp_path / "root.json", passphrase, actor="cli:op")
    assert not (tmp_path / "root.json").exists()


def test_a_copy_that_does_not_open_takes_nothing_away(
    app: Flask, settings: Settings, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.identity.root_key.read_private", lambda path: b"a bad disk")
    with pytest.raises(Invalid):
        take_root_offline(settings, tmp_path / "root.json", PASSPHRASE, actor="cli:op")
    assert open_authority(settings).root_key is not None


def test_only_this_roots_key_comes_back(app: Flask, settings: Settings, taken: Path, tmp_path: Path) -> None:
    other = settings.model_copy(update={"home": tmp_path / "other"})
    ensure_authority(other)
    with pytest.raises(Invalid, match="another root"):
        bring_root_online(other, taken, PASSPHRASE, actor="cli:op")
    with pytest.raises(NotFound, match="cannot be read"):
        bring_root_online(settings, tmp_path / "nowhere", PASSPHRASE, actor="cli:op")


def test_an_issuer_near_its_end_without_the_root_is_told(
    settings: Settings,
    authority: Authority,
    taken: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away, later = open_issuers(settings), datetime.now(UTC) + timedelta(days=800)
    assert ageing_without_root(away, datetime.now(UTC)) == []
    assert ageing_without_root(authority, later) == []
    told = ageing_without_root(away, later)
    assert len(told) == 2
    assert "root-online" in told[0]


class TestEncryptionKey:
    def test_it_comes_from_the_environment_and_is_not_written(self, settings: Settings) -> None:
        key = new_encryption_key().decode().strip()
        given = settings.model_copy(update={"key_encryption_key": SecretStr(key)})
        authority = ensure_authority(given)
        assert not (settings.certs / "key-encryption-key").exists()
        assert open_issuers(given).subscribers.certificate == authority.subscribers.certificate
        with pytest.raises(UnsafeSettings, match="key-encryption-key is missing"):
            open_issuers(settings)

    def test_the_content_of_the_file_may_move_to_the_environment(self, settings: Settings) -> None:
        ensure_authority(settings)
        path = settings.certs / "key-encryption-key"
        given = settings.model_copy(update={"key_encryption_key": SecretStr(path.read_text())})
        path.unlink()
        ensure_authority(given)

    @pytest.mark.parametrize(("value", "says"), [("short", "key-encryption key"), ("A" * 43 + "=", "does not open")])
    def test_a_wrong_one_is_refused(self, settings: Settings, value: str, says: str) -> None:
        ensure_authority(settings)
        with pytest.raises(UnsafeSettings, match=says):
            open_issuers(settings.model_copy(update={"key_encryption_key": SecretStr(value)}))

    def test_it_is_not_shown_and_not_handed_on(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SIGNET_KEY_ENCRYPTION_KEY", "opens-everything")
        given = Settings(home=settings.home)
        assert "opens-everything" not in f"{given!r} {given}"
        assert "SIGNET_KEY_ENCRYPTION_KEY" not in environment(given)
        assert "opens-everything" not in without_keys().values()
        assert "PATH" in without_keys()
