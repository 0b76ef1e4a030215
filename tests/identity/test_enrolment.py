"""Enrolment tokens: told once, good once, and for a quarter of an hour."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.database import db
from backend.errors import Invalid, InvalidEnrolment, Malformed, NotAllowed
from backend.identity.certificates import list_certificates, verify_certificate
from backend.identity.enrolment import LIFETIME, create_enrolment, enrol
from backend.identity.issuing import Issued, issue_certificate
from backend.identity.subscriber_tables import Enrolment, Subscriber
from backend.identity.subscribers import create_subscriber, suspend_subscriber
from backend.settings import Settings
from tests.certifying import der_of, new_key, signing_request
from tests.identity.conftest import Clock, at_once


def test_a_token_is_exchanged_for_a_certificate(settings: Settings, billing: Subscriber) -> None:
    made = create_enrolment(billing, actor="mia")
    issued = enrol(settings, made.token, signing_request())
    assert verify_certificate(der_of(issued.certificate)).id == billing.id
    assert issued.row.issued_by == f"subscriber:{billing.id}"


def test_the_token_itself_is_not_kept(settings: Settings, billing: Subscriber) -> None:
    made = create_enrolment(billing, actor="mia")
    db.session.commit()
    (row,) = db.session.scalars(select(Enrolment))
    assert len(made.token) == 43
    assert made.token not in " ".join(str(value) for value in vars(row).values())
    assert row.expires_at - row.created_at == pytest.approx(LIFETIME, abs=timedelta(seconds=5))


def test_a_token_works_once(settings: Settings, billing: Subscriber) -> None:
    made = create_enrolment(billing, actor="mia")
    enrol(settings, made.token, signing_request())
    db.session.commit()
    with pytest.raises(InvalidEnrolment):
        enrol(settings, made.token, signing_request())


def test_a_token_lasts_a_quarter_of_an_hour(settings: Settings, billing: Subscriber, clock: Clock) -> None:
    early, late = create_enrolment(billing, actor="mia"), create_enrolment(billing, actor="mia")
    clock.forward(minutes=14, seconds=59)
    enrol(settings, early.token, signing_request())
    clock.forward(seconds=1)
    with pytest.raises(InvalidEnrolment, match="older than 15 minutes"):
        enrol(settings, late.token, signing_request())


@pytest.mark.parametrize("token", ["", "guess", "\ud800", "x" * 10_000])
def test_a_guess_is_refused(settings: Settings, billing: Subscriber, token: str) -> None:
    create_enrolment(billing, actor="mia")
    with pytest.raises(InvalidEnrolment):
        enrol(settings, token, signing_request())


def test_a_bad_request_does_not_use_the_token_up(settings: Settings, billing: Subscriber, shipping: Subscriber) -> None:
    key = new_key()
    issue_certificate(settings, shipping, signing_request(key), actor="mia")
    made = create_enrolment(billing, actor="mia")
    db.session.commit()
    for request, kind in ((b"nonsense", Malformed), (signing_request(key), Invalid)):
        with pytest.raises(kind):
            enrol(settings, made.token, request)
        db.session.rollback()
    enrol(settings, made.token, signing_request())


def test_a_suspended_subscriber_is_not_enrolled(settings: Settings, billing: Subscriber) -> None:
    made = create_enrolment(billing, actor="mia")
    suspend_subscriber(billing, actor="mia")
    with pytest.raises(NotAllowed):
        enrol(settings, made.token, signing_request())
    with pytest.raises(NotAllowed):
        create_enrolment(billing, actor="mia")


def test_of_many_simultaneous_uses_one_wins(storage: Flask, settings: Settings) -> None:
    made = create_enrolment(create_subscriber("billing", actor="mia"), actor="mia")
    db.session.commit()
    results = at_once(storage, lambda: enrol(settings, made.token, signing_request()), 8)
    assert [type(each) for each in results].count(InvalidEnrolment) == 7
    assert [type(each) for each in results].count(Issued) == 1
    assert len(list_certificates()) == 1


def test_tokens_long_over_are_swept(billing: Subscriber, clock: Clock) -> None:
    create_enrolment(billing, actor="mia")
    clock.forward(days=1, minutes=16)
    create_enrolment(billing, actor="mia")
    assert len(db.session.scalars(select(Enrolment)).all()) == 1


def test_each_act_is_in_the_journal_and_no_token_is(settings: Settings, billing: Subscriber) -> None:
    made = create_enrolment(billing, actor="mia")
    enrol(settings, made.token, signing_request())
    db.session.commit()
    with pytest.raises(InvalidEnrolment):
        enrol(settings, made.token, signing_request())
    db.session.rollback()
    rows = db.session.scalars(select(AuditEvent).order_by(AuditEvent.position)).all()
    assert [(row.event, row.outcome) for row in rows[1:]] == [
        ("enrolment.created", "done"),
        ("certificate.issued", "done"),
        ("enrolment.used", "done"),
        ("enrolment.used", "refused"),
    ]
    assert made.token not in " ".join(f"{row.details} {row.target}" for row in rows)
