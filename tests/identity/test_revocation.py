"""Revocation: refused at once, listed at once, once; and lists whose number only grows."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from flask import Flask
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.database import db
from backend.errors import Conflict, Invalid, InvalidCertificate, NotFound
from backend.identity.authority import ensure_authority
from backend.identity.certificates import verify_certificate
from backend.identity.issuing import Issued, issue_certificate
from backend.identity.revocation import revoke_certificate
from backend.identity.revocation_list import read_revocation_list
from backend.identity.subscriber_tables import RevocationList, Subscriber
from backend.identity.subscribers import create_subscriber
from backend.pki.revocation import REASONS
from backend.settings import Settings
from tests.certifying import der_of, lint_revocation_list, signing_request
from tests.identity.conftest import Clock, at_once


@pytest.fixture
def issued(settings: Settings, billing: Subscriber, clock: Clock) -> Issued:
    issued = issue_certificate(settings, billing, signing_request(), actor="mia")
    db.session.commit()
    return issued


def _list(settings: Settings) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(read_revocation_list(settings))


def _number(listed: x509.CertificateRevocationList) -> int:
    return listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def _serials(listed: x509.CertificateRevocationList) -> set[str]:
    return {f"{entry.serial_number:x}" for entry in listed}


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_of_the_standard(settings: Settings, issued: Issued, reason: str) -> None:
    row = revoke_certificate(settings, issued.serial_number, reason, actor="mia")
    assert (row.revocation_reason, row.revoked_at is None) == (reason, False)
    with pytest.raises(InvalidCertificate, match=f"revoked \\({reason}\\)"):
        verify_certificate(der_of(issued.certificate))


@pytest.mark.parametrize("reason", ["", "because", "removeFromCRL", "keycompromise"])
def test_another_reason_revokes_nothing(settings: Settings, issued: Issued, reason: str) -> None:
    with pytest.raises(Invalid, match="keyCompromise"):
        revoke_certificate(settings, issued.serial_number, reason, actor="mia")
    verify_certificate(der_of(issued.certificate))


def test_it_is_done_once(settings: Settings, issued: Issued) -> None:
    revoke_certificate(settings, issued.serial_number, "superseded", actor="mia")
    with pytest.raises(Conflict, match="before"):
        revoke_certificate(settings, issued.serial_number, "keyCompromise", actor="mia")
    with pytest.raises(NotFound):
        revoke_certificate(settings, "4711", "superseded", actor="mia")


def test_the_list_names_it_at_once(settings: Settings, issued: Issued, tmp_path: Path) -> None:
    first = _list(settings)
    assert _serials(first) == set()
    revoke_certificate(settings, issued.serial_number, "keyCompromise", actor="mia")
    second = _list(settings)
    assert _serials(second) == {issued.serial_number}
    assert _number(second) == _number(first) + 1
    for at, content in enumerate((first, second)):
        path = tmp_path / f"{at}.crl"
        path.write_bytes(content.public_bytes(serialization.Encoding.DER))
        assert lint_revocation_list(path) == set()


def test_the_list_is_made_anew_each_day_and_not_more_often(settings: Settings, issued: Issued, clock: Clock) -> None:
    first = _list(settings)
    clock.forward(hours=23)
    assert _list(settings) == first
    clock.forward(hours=2)
    second = _list(settings)
    assert _number(second) == _number(first) + 1
    assert second.last_update_utc == clock.moment.replace(microsecond=0)
    assert second.next_update_utc == second.last_update_utc + timedelta(days=7)


def test_a_certificate_is_listed_past_its_own_end(settings: Settings, issued: Issued, clock: Clock) -> None:
    revoke_certificate(settings, issued.serial_number, "keyCompromise", actor="mia")
    clock.forward(days=36)
    assert _serials(_list(settings)) == {issued.serial_number}
    clock.forward(days=2)
    assert _serials(_list(settings)) == set()


def test_a_new_authority_begins_a_list_of_its_own(settings: Settings, issued: Issued, tmp_path: Path) -> None:
    revoke_certificate(settings, issued.serial_number, "keyCompromise", actor="mia")
    other = settings.model_copy(update={"home": tmp_path / "other"})
    authority = ensure_authority(other)
    listed = _list(other)
    assert _number(listed) == 1
    assert listed.is_signature_valid(authority.subscribers.certificate.public_key())  # type: ignore[arg-type]
    assert len(db.session.scalars(select(RevocationList)).all()) == 2


def test_many_simultaneous_revocations_are_all_listed(storage: Flask, settings: Settings) -> None:
    subscriber = create_subscriber("billing", actor="mia")
    serials = [issue_certificate(settings, subscriber, signing_request(), actor="mia").serial_number for _ in range(8)]
    db.session.commit()
    left = iter(list(serials))
    results = at_once(storage, lambda: revoke_certificate(settings, next(left), "superseded", actor="mia"), 8)
    assert not [each for each in results if isinstance(each, Exception)]
    listed = _list(settings)
    assert _serials(listed) == set(serials)
    assert _number(listed) == 8


def test_of_two_simultaneous_revocations_of_one_one_wins(storage: Flask, settings: Settings) -> None:
    subscriber = create_subscriber("billing", actor="mia")
    serial = issue_certificate(settings, subscriber, signing_request(), actor="mia").serial_number
    db.session.commit()
    results = at_once(storage, lambda: revoke_certificate(settings, serial, "superseded", actor="mia"), 4)
    assert [type(each) for each in results].count(Conflict) == 3
    assert _number(_list(settings)) == 1


def test_each_act_is_in_the_journal(settings: Settings, issued: Issued) -> None:
    revoke_certificate(settings, issued.serial_number, "keyCompromise", actor="mia")
    db.session.commit()
    rows = db.session.execute(select(AuditEvent.event, AuditEvent.actor, AuditEvent.target)).all()
    assert ("certificate.revoked", "mia", f"certificate:{issued.serial_number}") in rows
    assert ("revocation_list.issued", "system", "revocation_list:1") in rows
