"""Subscribers: their terms, and what removing one leaves behind."""

from typing import Any

import pytest
from cryptography import x509
from flask import Flask
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.database import db
from backend.errors import Conflict, Invalid, InvalidCertificate, NotAllowed, NotFound
from backend.identity import subscribers
from backend.identity.certificates import verify_certificate
from backend.identity.issuing import issue_certificate
from backend.identity.revocation_list import read_revocation_list
from backend.identity.subscriber_tables import Certificate, Subscriber
from backend.settings import Settings
from tests.certifying import der_of, signing_request


def test_what_is_not_said_is_no_model_and_no_limit(app: Flask) -> None:
    made = subscribers.create_subscriber("billing", actor="mia")
    assert (made.models, made.rate_per_minute, made.daily_quota, made.certificate_hours) == ([], None, None, None)
    assert (made.state, made.created_by, made.description) == ("active", "mia", "")


def test_a_name_is_taken_once(billing: Subscriber) -> None:
    with pytest.raises(Conflict, match="already a subscriber named 'billing'"):
        subscribers.create_subscriber("billing", actor="mia")
    db.session.rollback()
    assert len(subscribers.list_subscribers()) == 1


def test_subscribers_are_found_by_id_and_by_name(billing: Subscriber, shipping: Subscriber) -> None:
    assert subscribers.get_subscriber(billing.id) is subscribers.get_subscriber_named("billing") is billing
    assert [each.name for each in subscribers.list_subscribers()] == ["billing", "shipping"]
    for find in (subscribers.get_subscriber, subscribers.get_subscriber_named):
        with pytest.raises(NotFound):
            find("nobody")
    with pytest.raises(NotFound):
        subscribers.get_subscriber("\x00" * 36)


def test_only_what_is_named_changes(billing: Subscriber) -> None:
    subscribers.change_subscriber(billing, {"rate_per_minute": 60, "models": ["iris", "bikes", "iris"]}, actor="mia")
    subscribers.change_subscriber(billing, {"daily_quota": 1000, "certificate_hours": 2160}, actor="mia")
    db.session.commit()
    assert (billing.models, billing.rate_per_minute, billing.daily_quota) == (["iris", "bikes"], 60, 1000)
    subscribers.change_subscriber(billing, {"rate_per_minute": None}, actor="mia")
    assert billing.rate_per_minute is None
    subscribers.change_subscriber(billing, {"description": "Invoices, Köln", "name": "Fakturierung 2"}, actor="mia")
    assert (billing.description, billing.name) == ("Invoices, Köln", "Fakturierung 2")


def test_a_change_cannot_take_anothers_name(billing: Subscriber, shipping: Subscriber) -> None:
    with pytest.raises(Conflict):
        subscribers.change_subscriber(billing, {"name": "shipping"}, actor="mia")


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"name": ""}, "1 to 64"),
        ({"name": " x"}, "begins and ends"),
        ({"name": "=cmd()"}, "begins and ends"),
        ({"name": "<b>x</b>"}, "begins and ends"),
        ({"name": "x\n"}, "begins and ends"),
        ({"name": "x" * 65}, "1 to 64"),
        ({"description": "a\nb"}, "one line"),
        ({"description": "x" * 501}, "500"),
        ({"models": ["*", "iris"]}, "stands alone"),
        ({"models": [""]}, "at most 100 models"),
        ({"models": ["x" * 256]}, "at most 100 models"),
        ({"models": [str(n) for n in range(101)]}, "at most 100 models"),
        ({"rate_per_minute": 0}, "from 1 to"),
        ({"daily_quota": -1}, "from 1 to"),
        ({"certificate_hours": 0}, "from 1 to 2160"),
        ({"certificate_hours": 2161}, "from 1 to 2160"),
    ],
)
def test_terms_that_break_the_rules_are_refused(billing: Subscriber, terms: dict[str, Any], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        subscribers.change_subscriber(billing, terms, actor="mia")


def test_a_suspended_subscriber_is_refused_until_it_is_resumed(settings: Settings, billing: Subscriber) -> None:
    issued = issue_certificate(settings, billing, signing_request(), actor="mia")
    subscribers.suspend_subscriber(billing, actor="mia")
    with pytest.raises(NotAllowed, match="'billing' is suspended"):
        verify_certificate(der_of(issued.certificate))
    with pytest.raises(NotAllowed, match="suspended"):
        issue_certificate(settings, billing, signing_request(), actor="mia")
    subscribers.resume_subscriber(billing, actor="mia")
    assert verify_certificate(der_of(issued.certificate)).id == billing.id


def test_a_removed_subscriber_leaves_revoked_certificates(settings: Settings, billing: Subscriber) -> None:
    issued = [issue_certificate(settings, billing, signing_request(), actor="mia") for _ in range(2)]
    db.session.commit()
    subscribers.delete_subscriber(settings, billing, actor="mia")
    db.session.commit()
    db.session.expire_all()
    rows = db.session.scalars(select(Certificate)).all()
    assert {(row.subscriber_id, row.revocation_reason) for row in rows} == {(None, "cessationOfOperation")}
    listed = x509.load_der_x509_crl(read_revocation_list(settings))
    assert {f"{entry.serial_number:x}" for entry in listed} == {each.serial_number for each in issued}
    with pytest.raises(InvalidCertificate):
        verify_certificate(der_of(issued[0].certificate))
    subscribers.create_subscriber("billing", actor="mia")


def test_a_subscriber_without_certificates_is_removed_without_a_new_list(
    settings: Settings, billing: Subscriber
) -> None:
    before = read_revocation_list(settings)
    subscribers.delete_subscriber(settings, billing, actor="mia")
    assert read_revocation_list(settings) == before


def test_each_act_is_in_the_journal(settings: Settings, billing: Subscriber) -> None:
    subscribers.change_subscriber(billing, {"models": ["*"]}, actor="mia")
    subscribers.suspend_subscriber(billing, actor="mia")
    subscribers.resume_subscriber(billing, actor="mia")
    subscribers.delete_subscriber(settings, billing, actor="mia")
    db.session.commit()
    kept = db.session.execute(select(AuditEvent.event, AuditEvent.actor).order_by(AuditEvent.position)).all()
    acts = ("created", "changed", "suspended", "resumed", "deleted")
    assert [tuple(row) for row in kept] == [(f"subscriber.{act}", "mia") for act in acts]
