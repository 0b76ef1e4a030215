"""Keys made here: a file that opens with a word told once, fetched once, and kept by nobody."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from flask import Flask
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.database import db
from backend.errors import Gone, NotAllowed, NotFound
from backend.identity.certificates import verify_certificate
from backend.identity.key_files import MadeKey, fetch_key_file, keep_to_be_fetched, make_key
from backend.identity.subscriber_tables import KeyFile, Subscriber
from backend.identity.subscribers import create_subscriber, suspend_subscriber
from backend.settings import Settings
from tests.certifying import der_of, openssl
from tests.identity.conftest import Clock, at_once


@pytest.fixture
def made(settings: Settings, billing: Subscriber) -> MadeKey:
    return make_key(settings, billing, actor="mia")


def test_openssl_opens_the_file_with_its_word_only(made: MadeKey, tmp_path: Path) -> None:
    (tmp_path / "key.p12").write_bytes(made.content)
    (tmp_path / "word").write_text(made.password)
    (tmp_path / "other").write_text("another word")
    opened = openssl(tmp_path, "pkcs12", "-in", "key.p12", "-passin", "file:word", "-nodes")
    assert opened.count("BEGIN CERTIFICATE") == 2
    assert "BEGIN PRIVATE KEY" in opened
    assert "Mac verify error" in openssl(tmp_path, "pkcs12", "-in", "key.p12", "-passin", "file:other", "-nodes")
    stated = openssl(tmp_path, "pkcs12", "-in", "key.p12", "-passin", "file:word", "-info", "-noout")
    assert stated.count("PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256") == 2
    assert "MAC: sha256" in stated


def test_key_and_certificate_belong_together(made: MadeKey, billing: Subscriber) -> None:
    key, certificate, chain = pkcs12.load_key_and_certificates(made.content, made.password.encode())
    assert key is not None
    assert certificate is not None
    assert key.public_key() == certificate.public_key()
    certificate.verify_directly_issued_by(chain[0])
    assert verify_certificate(der_of(made.issued.certificate)).id == billing.id
    assert len(made.password) >= 22


def test_neither_key_nor_word_is_anywhere_in_the_home(made: MadeKey, settings: Settings) -> None:
    keep_to_be_fetched(made, actor="mia")
    db.session.commit()
    key, _, _ = pkcs12.load_key_and_certificates(made.content, made.password.encode())
    assert key is not None
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    secrets = (plain[-32:], plain[36:68], made.password.encode())
    for path in (path for path in settings.home.rglob("*") if path.is_file()):
        assert not any(secret in path.read_bytes() for secret in secrets), path


def test_the_file_is_fetched_once_and_then_gone(made: MadeKey) -> None:
    waiting = keep_to_be_fetched(made, actor="mia")
    db.session.commit()
    assert fetch_key_file(waiting.token, actor="mia") == made.content
    db.session.commit()
    with pytest.raises(Gone, match="fetched"):
        fetch_key_file(waiting.token, actor="mia")
    assert db.session.scalars(select(KeyFile.content)).all() == [None]


def test_it_is_for_whoever_asked_for_it(made: MadeKey) -> None:
    waiting = keep_to_be_fetched(made, actor="mia")
    for token, actor in ((waiting.token, "another"), ("guess", "mia")):
        with pytest.raises(NotFound):
            fetch_key_file(token, actor=actor)
    assert fetch_key_file(waiting.token, actor="mia") == made.content


def test_it_waits_ten_minutes(made: MadeKey, settings: Settings, billing: Subscriber, clock: Clock) -> None:
    waiting = keep_to_be_fetched(made, actor="mia")
    clock.forward(minutes=10)
    with pytest.raises(Gone):
        fetch_key_file(waiting.token, actor="mia")
    keep_to_be_fetched(make_key(settings, billing, actor="mia"), actor="mia")
    with pytest.raises(Gone):
        fetch_key_file(waiting.token, actor="mia")
    old, new = db.session.scalars(select(KeyFile.content).order_by(KeyFile.expires_at)).all()
    assert old is None
    assert new is not None
    clock.forward(days=2)
    keep_to_be_fetched(make_key(settings, billing, actor="mia"), actor="mia")
    assert len(db.session.scalars(select(KeyFile)).all()) == 1


def test_of_many_simultaneous_fetches_one_wins(storage: Flask, settings: Settings) -> None:
    made = make_key(settings, create_subscriber("billing", actor="mia"), actor="mia")
    waiting = keep_to_be_fetched(made, actor="mia")
    db.session.commit()
    results = at_once(storage, lambda: fetch_key_file(waiting.token, actor="mia"), 8)
    assert results.count(made.content) == 1
    assert [type(each) for each in results].count(Gone) == 7


def test_a_suspended_subscriber_is_given_no_key(settings: Settings, billing: Subscriber) -> None:
    suspend_subscriber(billing, actor="mia")
    with pytest.raises(NotAllowed):
        make_key(settings, billing, actor="mia")


def test_each_act_is_in_the_journal_without_the_word(made: MadeKey) -> None:
    waiting = keep_to_be_fetched(made, actor="mia")
    fetch_key_file(waiting.token, actor="mia")
    db.session.commit()
    rows = db.session.scalars(select(AuditEvent).order_by(AuditEvent.position)).all()
    assert [row.event for row in rows[1:]] == ["certificate.issued", "certificate.downloaded"]
    assert rows[1].target == rows[2].target == f"certificate:{made.issued.serial_number}"
    assert made.password not in " ".join(str(row.details) for row in rows)
