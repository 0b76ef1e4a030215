"""Certificates issued and renewed: whose key, whose name, how long, and that each is as standards want it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, update

from backend.audit.tables import AuditEvent
from backend.database import db
from backend.errors import Conflict, Invalid, InvalidCertificate, Malformed, NotAllowed, NotReady
from backend.identity import issuing
from backend.identity.authority_files import read_certificate
from backend.identity.certificates import CertificateState, state_at, verify_certificate
from backend.identity.issuing import issue_certificate, renew_certificate, renewable_from
from backend.identity.revocation import revoke_certificate
from backend.identity.revocation_list import read_revocation_list
from backend.identity.subscriber_tables import Certificate, Subscriber
from backend.identity.subscribers import delete_subscriber
from backend.pki.certifying import pem
from backend.settings import Settings
from tests.certifying import der_of, lint_certificate, new_key, openssl, signing_request
from tests.identity.conftest import Clock


def _read(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text.encode())


def _identities(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def test_a_request_gives_its_key_and_nothing_else(settings: Settings, billing: Subscriber) -> None:
    key = new_key()
    asked = [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://signet.local/subscriber/another")]),
    ]
    issued = issue_certificate(settings, billing, signing_request(key, *asked), actor="mia")
    certificate = _read(issued.certificate)
    assert certificate.public_key() == key.public_key()
    assert _identities(certificate) == [f"spiffe://signet.local/subscriber/{billing.id}"]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert issued.serial_number == f"{certificate.serial_number:x}"
    assert issued.not_after == certificate.not_valid_after_utc
    certificate.verify_directly_issued_by(_read(issued.chain))


def test_its_life_is_that_of_the_settings_or_of_the_subscriber(
    settings: Settings, billing: Subscriber, shipping: Subscriber
) -> None:
    settings = settings.model_copy(update={"certificate_days": 7, "trust_domain": "acme.example"})
    usual = _read(issue_certificate(settings, billing, signing_request(), actor="mia").certificate)
    own = _read(issue_certificate(settings, shipping, signing_request(), actor="mia").certificate)
    backdated = timedelta(minutes=5)
    assert usual.not_valid_after_utc - usual.not_valid_before_utc == timedelta(days=7) + backdated
    assert own.not_valid_after_utc - own.not_valid_before_utc == timedelta(hours=1) + backdated
    assert _identities(usual) == [f"spiffe://acme.example/subscriber/{billing.id}"]


def test_where_to_fetch_lists_is_said_only_where_there_is_an_address(settings: Settings, billing: Subscriber) -> None:
    public = settings.model_copy(update={"public_url": "http://pki.example.org/"})
    silent = _read(issue_certificate(settings, billing, signing_request(), actor="mia").certificate)
    stated = _read(issue_certificate(public, billing, signing_request(), actor="mia").certificate)
    assert not [each for each in silent.extensions if isinstance(each.value, x509.CRLDistributionPoints)]
    (point,) = stated.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    assert point.full_name[0].value == "http://pki.example.org/pki/subscribers.crl"


def test_openssl_and_pkilint_accept_it_until_it_is_revoked(
    settings: Settings, billing: Subscriber, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"public_url": "http://pki.example.org"})
    issued = issue_certificate(settings, billing, signing_request(), actor="mia")
    (tmp_path / "leaf.pem").write_text(issued.certificate)
    (tmp_path / "issuer.pem").write_text(issued.chain)
    (tmp_path / "root.pem").write_bytes(pem(read_certificate(settings, "root")))
    assert lint_certificate(tmp_path / "leaf.pem") == set()

    def verify() -> str:
        (tmp_path / "list.crl").write_bytes(read_revocation_list(settings))
        arguments = ["verify", "-x509_strict", "-purpose", "sslclient", "-crl_check", "-CRLfile", "list.crl"]
        return openssl(tmp_path, *arguments, "-CAfile", "root.pem", "-untrusted", "issuer.pem", "leaf.pem")

    assert verify() == "leaf.pem: OK\n"
    revoke_certificate(settings, issued.serial_number, "keyCompromise", actor="mia")
    assert "certificate revoked" in verify()


@pytest.mark.parametrize("request_text", [b"", b"nonsense", b"-----BEGIN CERTIFICATE REQUEST-----\nAA==\n"])
def test_what_is_no_request_is_malformed(settings: Settings, billing: Subscriber, request_text: bytes) -> None:
    with pytest.raises(Malformed):
        issue_certificate(settings, billing, request_text, actor="mia")


def test_a_weak_key_is_refused(settings: Settings, billing: Subscriber) -> None:
    with pytest.raises(Invalid, match="not accepted"):
        issue_certificate(settings, billing, signing_request(ec.generate_private_key(ec.SECP521R1())), actor="mia")


def test_a_key_belongs_to_one_subscriber(settings: Settings, billing: Subscriber, shipping: Subscriber) -> None:
    key = new_key()
    issue_certificate(settings, billing, signing_request(key), actor="mia")
    issue_certificate(settings, billing, signing_request(key), actor="mia")
    with pytest.raises(Invalid, match="not new"):
        issue_certificate(settings, shipping, signing_request(key), actor="mia")
    db.session.commit()
    delete_subscriber(settings, billing, actor="mia")
    with pytest.raises(Invalid, match="not new"):
        issue_certificate(settings, shipping, signing_request(key), actor="mia")


def test_the_key_of_a_revoked_certificate_does_not_come_back(settings: Settings, billing: Subscriber) -> None:
    key = new_key()
    issued = issue_certificate(settings, billing, signing_request(key), actor="mia")
    revoke_certificate(settings, issued.serial_number, "keyCompromise", actor="mia")
    with pytest.raises(Invalid, match="not new"):
        issue_certificate(settings, billing, signing_request(key), actor="mia")


def test_a_serial_number_is_given_once(
    settings: Settings, billing: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [17, 17, 17, 18]
    monkeypatch.setattr(x509, "random_serial_number", lambda: numbers.pop(0))
    serials = [issue_certificate(settings, billing, signing_request(), actor="mia").serial_number for _ in range(2)]
    assert serials == ["11", "12"]


def test_a_broken_source_of_numbers_is_told_and_not_worked_around(
    settings: Settings, billing: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x509, "random_serial_number", lambda: 17)
    issue_certificate(settings, billing, signing_request(), actor="mia")
    with pytest.raises(NotReady, match="serial number"):
        issue_certificate(settings, billing, signing_request(), actor="mia")


def test_a_client_in_a_loop_does_not_fill_the_table(
    settings: Settings, billing: Subscriber, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "_MOST_VALID", 2)
    for _ in range(2):
        issue_certificate(settings, billing, signing_request(), actor="mia")
    with pytest.raises(Conflict, match="2 certificates"):
        issue_certificate(settings, billing, signing_request(), actor="mia")
    clock.forward(days=31)
    issue_certificate(settings, billing, signing_request(), actor="mia")


class TestRenewal:
    def test_it_is_had_in_the_last_third_of_life_only(
        self, settings: Settings, billing: Subscriber, clock: Clock
    ) -> None:
        old = issue_certificate(settings, billing, signing_request(), actor="mia").row
        clock.forward(days=19, hours=23)
        with pytest.raises(NotAllowed, match=f"from {renewable_from(old):%Y-%m-%d %H:%M} UTC on"):
            renew_certificate(settings, old.fingerprint, signing_request(), actor="billing")
        clock.forward(hours=2)
        new = renew_certificate(settings, old.fingerprint, signing_request(), actor="billing").row
        assert new.subscriber_id == billing.id
        assert new.not_after == clock.moment.replace(microsecond=0) + timedelta(days=30)

    def test_the_old_one_stays_good_for_the_overlap(
        self, settings: Settings, billing: Subscriber, clock: Clock
    ) -> None:
        first = issue_certificate(settings, billing, signing_request(), actor="mia")
        clock.forward(days=21)
        second = renew_certificate(settings, first.row.fingerprint, signing_request(), actor="billing")
        db.session.refresh(first.row)
        assert first.row.replaced_by == second.row.fingerprint
        for issued in (first, second):
            assert verify_certificate(der_of(issued.certificate)).id == billing.id
        clock.forward(hours=25)
        assert state_at(first.row, clock.moment) is CertificateState.REPLACED
        with pytest.raises(InvalidCertificate, match="replaced"):
            verify_certificate(der_of(first.certificate))
        verify_certificate(der_of(second.certificate))
        listed = x509.load_der_x509_crl(read_revocation_list(settings))
        (entry,) = listed
        assert f"{entry.serial_number:x}" == first.serial_number
        assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.superseded

    def test_the_overlap_ends_with_the_certificate(
        self, settings: Settings, shipping: Subscriber, clock: Clock
    ) -> None:
        old = issue_certificate(settings, shipping, signing_request(), actor="mia").row
        clock.forward(minutes=50)
        renew_certificate(settings, old.fingerprint, signing_request(), actor="shipping")
        db.session.refresh(old)
        assert old.replaced_at == old.not_after

    def test_a_lost_answer_is_asked_for_again_and_does_not_lengthen_the_overlap(
        self, settings: Settings, billing: Subscriber, clock: Clock
    ) -> None:
        old = issue_certificate(settings, billing, signing_request(), actor="mia").row
        clock.forward(days=21)
        renew_certificate(settings, old.fingerprint, signing_request(), actor="billing")
        db.session.refresh(old)
        ends_at = old.replaced_at
        clock.forward(hours=3)
        again = renew_certificate(settings, old.fingerprint, signing_request(), actor="billing")
        db.session.refresh(old)
        assert (old.replaced_at, old.replaced_by) == (ends_at, again.row.fingerprint)

    def test_it_needs_a_new_key(self, settings: Settings, billing: Subscriber, clock: Clock) -> None:
        key = new_key()
        old = issue_certificate(settings, billing, signing_request(key), actor="mia").row
        clock.forward(days=21)
        with pytest.raises(Invalid, match="certified before"):
            renew_certificate(settings, old.fingerprint, signing_request(key), actor="billing")

    def test_an_unknown_certificate_renews_nothing(self, settings: Settings, billing: Subscriber, clock: Clock) -> None:
        with pytest.raises(InvalidCertificate):
            renew_certificate(settings, "0" * 64, signing_request(), actor="billing")
        old = issue_certificate(settings, billing, signing_request(), actor="mia").row
        clock.forward(days=21)
        delete_subscriber(settings, billing, actor="mia")
        db.session.commit()
        with pytest.raises(InvalidCertificate):
            renew_certificate(settings, old.fingerprint, signing_request(), actor="billing")

    def test_one_that_is_over_renews_nothing(self, settings: Settings, billing: Subscriber, clock: Clock) -> None:
        old = issue_certificate(settings, billing, signing_request(), actor="mia").row
        clock.forward(days=21)
        renew_certificate(settings, old.fingerprint, signing_request(), actor="billing")
        clock.forward(days=2)
        with pytest.raises(InvalidCertificate, match="replaced"):
            renew_certificate(settings, old.fingerprint, signing_request(), actor="billing")

    def test_one_that_is_revoked_at_the_same_moment_renews_nothing(
        self, settings: Settings, billing: Subscriber, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = issue_certificate(settings, billing, signing_request(), actor="mia").row
        clock.forward(days=21)
        certify = issuing.certify_key

        def meanwhile(*arguments, **named):  # type: ignore[no-untyped-def]
            row = update(Certificate).where(Certificate.fingerprint == old.fingerprint)
            db.session.execute(row.values(revoked_at=datetime.now(UTC)))
            return certify(*arguments, **named)

        monkeypatch.setattr(issuing, "certify_key", meanwhile)
        with pytest.raises(InvalidCertificate, match="revoked"):
            renew_certificate(settings, old.fingerprint, signing_request(), actor="billing")


def test_each_act_is_in_the_journal(settings: Settings, billing: Subscriber, clock: Clock) -> None:
    first = issue_certificate(settings, billing, signing_request(), actor="mia")
    clock.forward(days=21)
    second = renew_certificate(settings, first.row.fingerprint, signing_request(), actor=f"subscriber:{billing.id}")
    db.session.commit()
    events = db.session.execute(select(AuditEvent.event, AuditEvent.actor, AuditEvent.target)).all()
    assert ("certificate.issued", "mia", f"certificate:{first.serial_number}") in events
    assert ("certificate.renewed", f"subscriber:{billing.id}", f"certificate:{second.serial_number}") in events
