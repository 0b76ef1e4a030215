"""Certificates by their rows: the row decides whose one is and whether it is good, the text decides nothing."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import serialization
from flask import Flask
from sqlalchemy import event

from backend.database import db
from backend.errors import InvalidCertificate, NotFound
from backend.identity.certificates import (
    CertificateState,
    fingerprint_of,
    get_certificate,
    list_certificates,
    state_at,
    verify_certificate,
)
from backend.identity.issuing import Issued, issue_certificate, renew_certificate
from backend.identity.principal import Permission
from backend.identity.revocation import revoke_certificate
from backend.identity.subscriber_tables import Subscriber
from backend.pki.authority import Authority
from backend.settings import Settings
from tests.certifying import der_of, new_key, signing_request
from tests.identity.conftest import Clock


@pytest.fixture
def issued(settings: Settings, billing: Subscriber, clock: Clock) -> Issued:
    issued = issue_certificate(settings, billing, signing_request(), actor="mia")
    db.session.commit()
    return issued


def test_a_certificate_is_its_subscriber(issued: Issued, billing: Subscriber) -> None:
    principal = verify_certificate(der_of(issued.certificate))
    assert (principal.kind, principal.id, principal.name) == ("subscriber", billing.id, "billing")
    assert principal.models == {"iris"}
    assert principal.certificate == issued.row.fingerprint
    assert principal.permissions == {Permission.PREDICT}


def test_it_costs_one_read(issued: Issued) -> None:
    der, statements = der_of(issued.certificate), []
    event.listen(db.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    for _ in range(2):
        db.session.rollback()
        statements.clear()
        verify_certificate(der)
        assert len(statements) == 1


def test_one_that_is_signed_but_was_never_issued_is_nobody(
    authority: Authority, billing: Subscriber, settings: Settings
) -> None:
    forged = authority.issue_subscriber_certificate(
        new_key().public_key(),
        subscriber=UUID(billing.id),
        trust_domain=settings.trust_domain,
        now=datetime.now(UTC),
    )
    with pytest.raises(InvalidCertificate, match="not issued"):
        verify_certificate(forged.public_bytes(serialization.Encoding.DER))


@pytest.mark.parametrize("der", [b"", b"garbage", b"\x30\x82"])
def test_bytes_that_are_no_certificate_are_nobody(app: Flask, der: bytes) -> None:
    with pytest.raises(InvalidCertificate):
        verify_certificate(der)


def test_what_was_allowed_is_read_anew_each_time(issued: Issued, billing: Subscriber) -> None:
    der = der_of(issued.certificate)
    assert verify_certificate(der).models == {"iris"}
    with db.engine.begin() as elsewhere:
        elsewhere.exec_driver_sql("UPDATE subscribers SET models = '[\"bikes\"]'")
    assert verify_certificate(der).models == {"bikes"}
    with db.engine.begin() as elsewhere:
        elsewhere.exec_driver_sql("UPDATE certificates SET revoked_at = CURRENT_TIMESTAMP, revocation_reason = 'x'")
    with pytest.raises(InvalidCertificate, match="revoked"):
        verify_certificate(der)


def test_it_is_refused_from_its_end_on_and_before_its_begin(issued: Issued, clock: Clock) -> None:
    der = der_of(issued.certificate)
    clock.moment = issued.not_after - timedelta(seconds=1)
    verify_certificate(der)
    for moment in (issued.not_after, issued.row.not_before - timedelta(seconds=1)):
        clock.moment = moment
        with pytest.raises(InvalidCertificate, match="good from"):
            verify_certificate(der)


def test_a_serial_number_is_known_in_each_of_its_spellings(issued: Issued) -> None:
    serial = issued.serial_number
    even = serial.zfill(len(serial) + len(serial) % 2)
    colons = ":".join(even[at : at + 2] for at in range(0, len(even), 2))
    for spelling in (serial, serial.upper(), even, colons, f"00{serial}"):
        assert get_certificate(spelling) is issued.row
    for unknown in ("", "0", "1", "no number", "\x00", serial[:-1]):
        with pytest.raises(NotFound):
            get_certificate(unknown)


def test_the_fingerprint_is_the_one_that_others_compute(issued: Issued) -> None:
    assert fingerprint_of(der_of(issued.certificate)) == issued.row.fingerprint


class TestList:
    @pytest.fixture
    def each(self, settings: Settings, billing: Subscriber, shipping: Subscriber, clock: Clock) -> dict[str, str]:
        """One certificate of each state, by state."""
        first, second, third = (
            issue_certificate(settings, billing, signing_request(), actor="mia").row for _ in range(3)
        )
        short = issue_certificate(settings, shipping, signing_request(), actor="mia").row
        revoke_certificate(settings, second.serial_number, "superseded", actor="mia")
        clock.forward(days=21)
        renew_certificate(settings, first.fingerprint, signing_request(), actor="billing")
        clock.forward(days=2)
        revoke_certificate(settings, third.serial_number, "keyCompromise", actor="mia")
        db.session.commit()
        return {
            CertificateState.REPLACED: first.serial_number,
            CertificateState.REVOKED: second.serial_number,
            CertificateState.EXPIRED: short.serial_number,
        }

    def test_by_state(self, each: dict[CertificateState, str], clock: Clock) -> None:
        for state in CertificateState:
            rows = list_certificates(state=state)
            assert rows
            assert {state_at(row, clock.moment) for row in rows} == {state}
            assert each.get(state) in {None, *(row.serial_number for row in rows)}
        assert sum(len(list_certificates(state=state)) for state in CertificateState) == len(list_certificates()) == 5

    def test_by_subscriber(self, each: dict[str, str], billing: Subscriber, shipping: Subscriber) -> None:
        assert len(list_certificates(subscriber_id=billing.id)) == 4
        assert len(list_certificates(subscriber_id=shipping.id)) == 1
        assert list_certificates(subscriber_id="nobody") == []

    def test_by_what_is_left_of_its_life(self, each: dict[str, str], clock: Clock) -> None:
        (valid,) = list_certificates(state=CertificateState.VALID)
        assert list_certificates(expiring_within=timedelta(days=27)) == []
        assert list_certificates(expiring_within=timedelta(days=29)) == [valid]

    def test_the_first_to_end_comes_first(self, each: dict[str, str]) -> None:
        ends = [row.not_after for row in list_certificates()]
        assert ends == sorted(ends)
        assert len(list_certificates(limit=2)) == 2
