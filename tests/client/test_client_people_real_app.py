"""The client's parts for people and services before the real API, in process."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12
from flask import Flask
from sqlalchemy import update

import signet_client as sc
from backend.database import db, now
from backend.identity.authority import ensure_authority
from backend.identity.principal import Role
from backend.identity.tables import Session
from backend.settings import Settings
from signet_client import Signet
from tests.certifying import signing_request
from tests.client.test_client_real_app import As, as_role, nobody
from tests.conftest import PASSWORD

__all__ = ["as_role", "nobody"]
NEW_PASSWORD = "another horse, another battery"


@pytest.fixture
def manager(as_role: As) -> Signet:
    return as_role(Role.MANAGER)


@pytest.fixture
def admin(as_role: As) -> Signet:
    return as_role(Role.ADMIN)


@pytest.fixture(autouse=True)
def authority(app: Flask, settings: Settings) -> None:
    """The certificate authority that a first start makes."""
    ensure_authority(settings)
    db.session.commit()


def test_a_subscriber_from_admission_to_removal(manager: Signet) -> None:
    made = manager.subscribers.create("billing", models=["iris"], rate_per_minute=60)
    assert (made["state"], made["daily_quota"]) == ("active", None)
    changed = manager.subscribers.change(made["id"], {"rate_per_minute": None, "description": "Bills"})
    assert (changed["rate_per_minute"], changed["description"]) == (None, "Bills")
    assert manager.subscribers.suspend(made["id"])["state"] == "suspended"
    assert manager.subscribers.resume(made["id"])["state"] == "active"
    assert [each["name"] for each in manager.subscribers.list()] == ["billing"]
    manager.subscribers.delete(made["id"])
    with pytest.raises(sc.NotFound):
        manager.subscribers.get(made["id"])


def test_certificates_by_request_by_token_and_revoked(manager: Signet, nobody: Signet) -> None:
    made = manager.subscribers.create("billing", models=["*"])
    issued = manager.certificates.issue(made["id"], signing_request().decode())
    token = manager.subscribers.enrolment(made["id"])["token"]
    enrolled = nobody.certificates.enrol(token, signing_request().decode())
    found = manager.certificates.list(subscriber_id=made["id"], state="valid", expiring_within_days=365)
    assert {each["serial_number"] for each in found} == {issued["serial_number"], enrolled["serial_number"]}
    revoked = manager.certificates.revoke(issued["serial_number"], "keyCompromise")
    assert (revoked["state"], revoked["revocation_reason"]) == ("revoked", "keyCompromise")
    assert manager.certificates.get(issued["serial_number"])["state"] == "revoked"
    listed = x509.load_der_x509_crl(manager.certificates.revocation_list())
    assert listed.get_revoked_certificate_by_serial_number(int(issued["serial_number"], 16))


def test_a_key_file_is_fetched_once(manager: Signet) -> None:
    made = manager.subscribers.create("billing", models=["*"])
    key = manager.certificates.make_key(made["id"])
    token = key["download"].rpartition("/")[2]
    content = manager.certificates.key_file(token)
    assert pkcs12.load_pkcs12(content, key["password"].encode()).key is not None
    with pytest.raises(sc.Gone):
        manager.certificates.key_file(token)


def test_a_key_file_is_fetched_with_the_password_again(manager: Signet) -> None:
    made = manager.subscribers.create("billing", models=["*"])
    key = manager.certificates.make_key(made["id"])
    token = key["download"].rpartition("/")[2]
    db.session.execute(update(Session).values(created_at=now() - timedelta(hours=1)))
    db.session.commit()
    with pytest.raises(sc.ProofRequired):
        manager.certificates.key_file(token)
    with pytest.raises(sc.InvalidCredentials):
        manager.certificates.key_file(token, "not the password")
    content = manager.certificates.key_file(token, PASSWORD)
    assert pkcs12.load_pkcs12(content, key["password"].encode()).key is not None


def test_how_predictions_fare(manager: Signet) -> None:
    with pytest.raises(sc.NotReady):  # no MLflow here knows any model
        manager.predict([1.0], model="nothing")
    summary = manager.monitoring.summary()
    assert [(each["model"], each["failed"]) for each in summary["models"]] == [("unknown", 1)]
    assert [each["caller"] for each in summary["callers"] or ()] == ["people"]
    (line,) = manager.monitoring.traffic(by="model", step=timedelta(hours=1))["lines"]
    assert (line["model"], sum(point["errors"] for point in line["points"])) == ("unknown", 1)


def test_users(admin: Signet, nobody: Signet) -> None:
    made = admin.users.create("grace", PASSWORD, "expert")
    assert admin.users.set_role(made["id"], "scientist")["role"] == "scientist"
    assert admin.users.disable(made["id"])["disabled_at"]
    assert admin.users.enable(made["id"])["disabled_at"] is None
    admin.users.set_password(made["id"], NEW_PASSWORD)
    nobody.login("grace", NEW_PASSWORD)
    admin.users.reset_otp(made["id"])
    admin.users.delete(made["id"])
    assert [each["username"] for each in admin.users.list()] == ["admin"]
    assert {each["role"] for each in admin.users.roles()} == {role.value for role in Role}


def test_the_last_administrator_stays(admin: Signet) -> None:
    own = admin.me()["id"]
    with pytest.raises(sc.Conflict, match="last administrator"):
        admin.users.disable(own)
    assert admin.users.get(own)["disabled_at"] is None


def test_the_journal_listed_exported_and_verified(manager: Signet) -> None:
    made = manager.subscribers.create("billing", models=["*"])
    (event,) = manager.audit.list(target=f"subscriber:{made['id']}", outcome="done")
    assert (event["event"], event["actor"]) == ("subscriber.created", "manager")
    with manager.audit.export(event="subscriber.created") as pieces:
        lines = b"".join(pieces).decode().splitlines()
    assert lines[0].startswith("position,at,event")
    assert len(lines) == 2
    verdict = manager.audit.verify()
    assert verdict["ok"]
    assert not manager.audit.verify(position=verdict["head"]["position"], hash="0" * 64)["ok"]


def test_a_second_factor_and_a_new_password(as_role: As, nobody: Signet) -> None:
    expert = as_role(Role.EXPERT)
    begun = expert.account.begin_otp()
    with pytest.raises(sc.InvalidCredentials):
        expert.account.confirm_otp("wrong", "000000")
    codes = expert.account.confirm_otp(PASSWORD, pyotp.TOTP(begun["secret"]).now())
    with pytest.raises(sc.Conflict):
        expert.account.begin_otp()
    with pytest.raises(sc.OtpRequired):
        nobody.login("expert", PASSWORD)
    expert.account.remove_otp(PASSWORD, codes[0])
    expert.account.change_password(PASSWORD, NEW_PASSWORD)
    with pytest.raises(sc.SessionEnded):
        expert.me()
    nobody.login("expert", NEW_PASSWORD)


def test_sessions_are_seen_and_ended_by_their_owner_and_by_an_administrator(as_role: As, admin: Signet) -> None:
    expert = as_role(Role.EXPERT)
    (mine,) = expert.account.sessions()
    assert (mine["is_current"], mine["is_web"]) == (True, False)
    with pytest.raises(sc.NotFound):
        expert.account.end_session("no-such")
    expert.account.end_other_sessions()
    person = expert.me()
    assert [each["id"] for each in admin.users.sessions(person["id"])] == [mine["id"]]
    admin.users.end_sessions(person["id"])
    assert admin.users.sessions(person["id"]) == []
    with pytest.raises(sc.Unauthenticated):
        expert.me()


def test_web_sessions_are_for_the_web_app_alone(nobody: Signet) -> None:
    with pytest.raises(sc.Unauthenticated):
        nobody.web_sessions.resume("x", agent="y", active=False)
    with pytest.raises(sc.Unauthenticated):
        nobody.web_sessions.end("x")
