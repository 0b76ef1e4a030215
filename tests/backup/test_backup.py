"""An archive of a home that goes on, and the platform that comes of it in an empty one."""

import json
import sqlite3
import subprocess
import sys
from base64 import b64encode
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from backend.backup import making
from backend.backup.openers import make_recipient_key
from backend.database import db, now
from backend.datasets.store import delete_dataset
from backend.errors import InvalidCertificate, InvalidToken, NotAllowed, UnsafeSettings
from backend.identity.authority_files import open_authority
from backend.identity.certificates import find_certificate, fingerprint_of, verify_certificate
from backend.identity.revocation import revoke_certificate
from backend.identity.revocation_list import read_revocation_list
from backend.identity.second_factor import begin
from backend.identity.sessions import verify_session
from backend.identity.subscriber_tables import RevocationList
from backend.identity.tables import Session, User
from backend.registry.tables import ModelVersion
from backend.settings import Settings
from backend.storage import create_storage
from backend.supervision.first_start import prepare
from tests.backup.conftest import Home, made_home, settings_of


def backed_up(home, path, *words):
    result = home.terminal()("backup", str(path), *words)
    assert result.exit_code == 0, result.stderr
    return result


def brought_back(restored, path, *words):
    result = restored.terminal()("restore", str(path), *words)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def context(restored):
    return create_storage(restored.settings).app_context()


def revoke(home, der):
    serial = f"{x509.load_der_x509_certificate(der).serial_number:x}"
    revoke_certificate(home.settings, serial, "keyCompromise", actor="test")
    db.session.commit()


def test_everything_comes_back(home, restored, tmp_path):
    dataset, model = home.dataset(b"values"), home.version(1, b"trees" * 1000)
    records = home.settings.data / "records" / "segments" / "one"
    records.parent.mkdir(parents=True)
    records.write_bytes(b"asked and answered")
    told = backed_up(home, tmp_path / "a").stderr
    assert "1 datasets, 1 model versions" in told
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" not in (tmp_path / "a").read_bytes()
    said = brought_back(restored, tmp_path / "a", "--known", told.split()[-1])
    assert "1 people, 0 subscribers" in said
    assert "The journal is whole" in said
    new = restored.settings
    assert (new.data / "datasets" / f"{dataset}.parquet").read_bytes() == b"values"
    assert (new.mlruns / model.relative_to(home.settings.mlruns)).read_bytes() == model.read_bytes()
    assert (new.data / records.relative_to(home.settings.data)).read_bytes() == records.read_bytes()
    with sqlite3.connect(new.mlruns / "mlflow.db") as mlflow:
        assert mlflow.execute("SELECT id FROM runs").fetchall() == [("run-1",)]
    mlflow.close()
    assert open_authority(new).root == open_authority(home.settings).root
    for name in ("token-key.pem", "server.key", "key-encryption-key", "ca.pem"):
        old_file = home.settings.certs / name
        assert (new.certs / name).read_bytes() == old_file.read_bytes()
        assert (new.certs / name).stat().st_mode == old_file.stat().st_mode
    left = [path for folder in (new.certs, new.data, new.mlruns) for path in folder.rglob(".restore*")]
    assert left == []


def test_nothing_of_a_backup_is_left_beside_the_platform(home, tmp_path):
    home.dataset(b"values")
    before = {path for path in home.settings.home.rglob("*") if path.name not in {"backup.lock", ".lock"}}
    backed_up(home, tmp_path / "a")
    after = {path for path in home.settings.home.rglob("*") if path.name not in {"backup.lock", ".lock"}}
    assert {path.name for path in after - before} <= {
        "signet.db-wal",
        "signet.db-shm",
        "mlflow.db-wal",
        "mlflow.db-shm",
    }


def test_who_was_signed_in_is_not(home, restored, tmp_path):
    session = db.session.scalars(select(Session.id)).one()
    verify_session(session)
    backed_up(home, tmp_path / "a")
    brought_back(restored, tmp_path / "a")
    with context(restored), pytest.raises(InvalidToken):
        verify_session(session)


def test_subscribers_wait_unless_somebody_vouches_for_them(home, restored, tmp_path):
    der = home.certificate("shop")
    backed_up(home, tmp_path / "a")
    assert "1 subscribers are suspended" in brought_back(restored, tmp_path / "a")
    with context(restored), pytest.raises(NotAllowed, match="suspended"):
        verify_certificate(der)


def test_certificates_of_then_work_and_later_ones_do_not(home, restored, tmp_path):
    good, bad = home.certificate("good"), home.certificate("bad")
    revoke(home, bad)
    backed_up(home, tmp_path / "a")
    later = home.certificate("later")
    verify_certificate(later)
    said = brought_back(restored, tmp_path / "a", "--keep-subscribers")
    assert "issued since are refused" in said
    assert "revoke them anew" in said
    with context(restored):
        assert verify_certificate(good).name == "good"
        for refused in (bad, later):
            with pytest.raises(InvalidCertificate):
                verify_certificate(refused)


def test_a_kept_revocation_list_takes_back_what_was_revoked_since(home, restored, tmp_path):
    good, bad = home.certificate("good"), home.certificate("bad")
    backed_up(home, tmp_path / "a")
    later = home.certificate("later")
    revoke(home, bad)
    revoke(home, later)
    (tmp_path / "list").write_bytes(read_revocation_list(home.settings))
    number = db.session.scalars(select(RevocationList.number)).one()
    said = brought_back(restored, tmp_path / "a", "--keep-subscribers", "--revocations", str(tmp_path / "list"))
    assert "took back 1 certificates" in said
    assert "names 1 that the archive never knew" in said
    with context(restored):
        assert verify_certificate(good).name == "good"
        with pytest.raises(InvalidCertificate, match="keyCompromise"):
            verify_certificate(bad)
        assert find_certificate(fingerprint_of(later)) is None
        fresh = x509.load_der_x509_crl(read_revocation_list(restored.settings))
        assert fresh.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number > number + 1000
        assert fresh.get_revoked_certificate_by_serial_number(x509.load_der_x509_certificate(bad).serial_number)


def list_of_a_stranger():
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another")])
    made = (
        x509.CertificateRevocationListBuilder().issuer_name(name).last_update(now()).next_update(now() + timedelta(1))
    )
    return made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("fault", ["older", "other", "none"])
def test_a_list_that_says_nothing_is_refused_before_anything_is_restored(home, restored, tmp_path, fault):
    revoke(home, home.certificate("one"))
    content = read_revocation_list(home.settings)
    if fault == "older":
        revoke(home, home.certificate("two"))
    elif fault == "other":
        content = list_of_a_stranger()
    else:
        content = b"-----BEGIN nothing"
    backed_up(home, tmp_path / "a")
    (tmp_path / "list").write_bytes(content)
    result = restored.terminal()("restore", str(tmp_path / "a"), "--revocations", str(tmp_path / "list"))
    assert result.exit_code == 2
    assert not (restored.settings.certs / "authority").exists()


def test_a_restore_is_refused_where_something_is(home, tmp_path):
    backed_up(home, tmp_path / "a")
    before = {path: path.read_bytes() for path in home.settings.certs.rglob("*") if path.is_file()}
    result = home.terminal()("restore", str(tmp_path / "a"))
    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert before == {path: path.read_bytes() for path in home.settings.certs.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-1], lambda raw: raw[:-200] + b"\0" + raw[-199:]], ids=["cut", "altered"]
)
def test_a_damaged_archive_leaves_an_empty_home_empty(home, restored, tmp_path, damage):
    home.dataset(b"values" * 50_000)
    backed_up(home, tmp_path / "a")
    (tmp_path / "b").write_bytes(damage((tmp_path / "a").read_bytes()))
    result = restored.terminal()("restore", str(tmp_path / "b"))
    assert result.exit_code == 2
    assert "not whole" in result.stderr
    assert [path for path in restored.settings.home.rglob("*") if path.is_file() and path.name != ".lock"] == []
    brought_back(restored, tmp_path / "a")


def test_a_restore_that_was_cut_short_starts_nothing(home, restored, tmp_path):
    backed_up(home, tmp_path / "a")
    (restored.settings.data / ".restore").mkdir(parents=True)
    with pytest.raises(UnsafeSettings, match="cut short"):
        prepare(restored.settings)
    assert restored.terminal()("restore", str(tmp_path / "a")).exit_code == 2


def test_a_model_that_was_damaged_before_is_not_restored_as_if_it_were_whole(home, restored, tmp_path):
    home.version(1, b"trees").write_bytes(b"weeds")
    backed_up(home, tmp_path / "a")
    result = restored.terminal()("restore", str(tmp_path / "a"))
    assert "Version 1 of 'iris' was damaged before" in result.stderr


def test_a_dataset_that_goes_between_files_and_rows_is_in_neither(home, restored, tmp_path, monkeypatch):
    """The row is in the first moment, its file is deleted before it is held; a second moment is taken."""
    kept, gone = home.dataset(b"kept"), home.dataset(b"gone")
    path = home.settings.data / "datasets" / f"{gone}.parquet"
    hidden = tmp_path / "hidden"
    path.rename(hidden)  # not there when files are held, as if it came just then
    moments = []

    def snapshot(database):
        if database.name == "signet":
            moments.append(database)
            if len(moments) == 2:
                hidden.rename(path)
                delete_dataset(home.settings, gone)
                db.session.commit()
        return taken(database)

    taken = making.snapshot
    monkeypatch.setattr(making, "snapshot", snapshot)
    told = backed_up(home, tmp_path / "a").stderr
    assert len(moments) == 2
    assert "Missing" not in told
    said = brought_back(restored, tmp_path / "a")
    assert "1 datasets" in said
    assert [each.stem for each in (restored.settings.data / "datasets").iterdir()] == [kept]


def test_what_is_missing_on_the_platform_is_told_and_the_rest_is_kept(home, restored, tmp_path):
    lost = home.dataset(b"lost")
    (home.settings.data / "datasets" / f"{lost}.parquet").unlink()
    assert f"Missing on the platform itself: datasets/{lost}.parquet" in backed_up(home, tmp_path / "a").stderr
    assert f"datasets/{lost}.parquet" in brought_back(restored, tmp_path / "a")


def test_a_broken_journal_is_told(home, restored, tmp_path):
    backed_up(home, tmp_path / "a")
    result = restored.terminal()("restore", str(tmp_path / "a"), "--known", f"1:{'0' * 64}")
    assert result.exit_code == 1
    assert "broken at position 1" in result.stderr


def test_secrets_are_sealed_anew_under_the_key_of_the_new_home(home, tmp_path):
    begin(home.settings, db.session.scalars(select(User)).one())
    db.session.commit()
    backed_up(home, tmp_path / "a")
    key = b64encode(bytes(range(32))).decode()
    new = Home(settings_of(tmp_path / "new", key_encryption_key=key), home.app)
    brought_back(new, tmp_path / "a")
    assert not (new.settings.certs / "key-encryption-key").exists()
    assert open_authority(new.settings).root == open_authority(home.settings).root
    backed_up(Home(new.settings, home.app), tmp_path / "b")
    third = Home(settings_of(tmp_path / "third"), home.app)  # and back to a file
    brought_back(third, tmp_path / "b")
    assert (third.settings.certs / "key-encryption-key").read_text() == key
    open_authority(third.settings)


def test_a_folder_keeps_the_newest(home, tmp_path, monkeypatch):
    (tmp_path / "kept").mkdir()
    other = tmp_path / "kept" / "notes.txt"
    other.touch()
    for year in (2021, 2022, 2023):
        (tmp_path / "kept" / f"signet-{year}0101T000000Z.backup").touch()
    backed_up(home, tmp_path / "kept", "--keep", "2")
    names = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert names[:2] == ["notes.txt", "signet-20230101T000000Z.backup"]
    assert len(names) == 3


def test_a_recipients_backup_needs_its_key(home, tmp_path):
    made = home.terminal()("backup-key", str(tmp_path / "key"))
    settings = Settings(home=home.settings.home, backup_recipient=made.stdout.strip().splitlines()[-1])
    backed_up(Home(settings, home.app), tmp_path / "a")
    new = Home(settings_of(tmp_path / "new"), home.app)
    result = new.terminal()("restore", str(tmp_path / "a"))
    assert "key of its recipient" in result.stderr
    brought_back(new, tmp_path / "a", "--key", str(tmp_path / "key"))


def test_a_backup_without_anybody_to_open_it_is_refused(home, tmp_path):
    bare = Home(Settings(home=home.settings.home), home.app)
    assert bare.terminal()("backup", str(tmp_path / "a")).exit_code == 2
    assert not (tmp_path / "a").exists()


def test_the_journal_tells_of_both(home, restored, tmp_path):
    backed_up(home, tmp_path / "a")
    listed = home.terminal().json("audit", "list", "--limit", "1")
    assert listed[0]["event"] == "platform.backed_up"
    brought_back(restored, tmp_path / "a")
    events = [each["event"] for each in restored.terminal().json("audit", "list")]
    assert "platform.restored" in events
    assert restored.terminal()("audit", "verify").exit_code == 0


_GROWTH = """
import resource, sys
from pathlib import Path
from backend.backup import making, openers, restoring
from backend.settings import Settings
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
key = openers.read_recipient_key(Path(sys.argv[3]))
with open(sys.argv[2], "wb") as file:
    making.make_backup(Settings(home=sys.argv[1]), file, [key])
with open(sys.argv[2], "rb") as file:
    restoring.restore_backup(Settings(home=sys.argv[1] + "-new"), file, [key], restoring.Wishes("test"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_what_is_backed_up(home, tmp_path):
    with home.version(1, bytes(1000)).with_name("more.bin").open("wb") as file:
        for _ in range(300):
            file.write(bytes(1_000_000))
    make_recipient_key(tmp_path / "key")
    words = [sys.executable, "-c", _GROWTH, str(home.settings.home), str(tmp_path / "a"), str(tmp_path / "key")]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) < 120_000  # kilobytes, for a file of 300 MB


@pytest.mark.postgres
def test_rows_of_postgresql_come_back(postgresql, postgresql_migrated_url, tmp_path):
    for home in made_home(settings_of(tmp_path / "old", database_url=postgresql_migrated_url)):
        good, model = home.certificate("good"), home.version(1, b"trees")
        assert model.exists()
        told = backed_up(home, tmp_path / "a").stderr
        later = home.certificate("later")
        result = home.terminal()("restore", str(tmp_path / "a"))
        assert result.exit_code == 2
        occupied = Home(settings_of(tmp_path / "new", database_url=postgresql_migrated_url), home.app)
        assert "is not empty" in occupied.terminal()("restore", str(tmp_path / "a")).stderr
        mixed = Home(settings_of(tmp_path / "mixed"), home.app)
        assert "archive holds" in mixed.terminal()("restore", str(tmp_path / "a")).stderr
        manifest = db.session.scalars(select(ModelVersion)).one().manifest
    empty = postgresql.make_database()
    new = Home(settings_of(tmp_path / "new2", database_url=empty), home.app)
    brought_back(new, tmp_path / "a", "--keep-subscribers", "--known", told.split()[-1])
    with context(new):
        assert verify_certificate(good).name == "good"
        assert json.dumps(db.session.scalars(select(ModelVersion)).one().manifest) == json.dumps(manifest)
        with pytest.raises(InvalidCertificate):
            verify_certificate(later)
        db.session.remove()
        db.engine.dispose()
    assert new.terminal()("audit", "verify").exit_code == 0
    postgresql.remove_database(empty)
