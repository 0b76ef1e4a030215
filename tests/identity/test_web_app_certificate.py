"""The web app's own certificate: made with the authority, kept in date, known by its file and by nothing that it says."""

import stat
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from backend.database import now
from backend.errors import InvalidCertificate, UnsafeSettings
from backend.identity import web_app_certificate
from backend.identity.authority import ensure_authority, ensure_server_certificate
from backend.identity.web_app_certificate import FILE, PREVIOUS, verify_web_app
from backend.pki.authority import Authority
from backend.settings import Settings
from tests.certifying import new_key, openssl


@pytest.fixture
def authority(settings: Settings) -> Authority:
    return ensure_authority(settings)


def _der(settings: Settings, name: str = FILE) -> bytes:
    (certificate,) = x509.load_pem_x509_certificates((settings.certs / name).read_bytes())
    return certificate.public_bytes(serialization.Encoding.DER)


def _move(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    monkeypatch.setattr(web_app_certificate, "now", lambda: now() + timedelta(days=days))


def test_it_is_a_good_client_certificate_with_its_key_in_one_private_file(
    settings: Settings, authority: Authority
) -> None:
    path = settings.certs / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    chain = settings.certs / "authority" / "subscribers-ca.pem"
    command = ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", str(settings.certs / "ca.pem")]
    assert openssl(settings.certs, *command, "-untrusted", str(chain), str(path)).endswith(": OK\n")


def test_it_is_known(settings: Settings, authority: Authority) -> None:
    principal = verify_web_app(settings, _der(settings))
    assert (principal.kind, principal.permissions, principal.actor) == ("web-app", frozenset(), "web-app")


def test_one_that_says_the_same_is_not(settings: Settings, authority: Authority) -> None:
    forged = authority.issue_web_app_certificate(new_key().public_key(), trust_domain=settings.trust_domain, now=now())
    with pytest.raises(InvalidCertificate):
        verify_web_app(settings, forged.public_bytes(serialization.Encoding.DER))


def test_another_start_leaves_it_as_it_is(settings: Settings, authority: Authority) -> None:
    before = _der(settings)
    ensure_authority(settings)
    ensure_server_certificate(settings)
    assert _der(settings) == before


def test_in_its_last_third_it_is_renewed_and_the_old_one_stays_good_until_its_end(
    settings: Settings, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _der(settings)
    _move(monkeypatch, 61)
    ensure_server_certificate(settings)
    assert _der(settings) != old
    assert _der(settings, PREVIOUS) == old
    assert b"PRIVATE" not in (settings.certs / PREVIOUS).read_bytes()
    verify_web_app(settings, old)
    verify_web_app(settings, _der(settings))
    _move(monkeypatch, 90)
    with pytest.raises(InvalidCertificate):
        verify_web_app(settings, old)


@pytest.mark.parametrize("what", ["missing", "damaged", "another trust domain"])
def test_it_is_made_anew_where_it_is_of_no_use(settings: Settings, authority: Authority, what: str) -> None:
    old, path = _der(settings), settings.certs / FILE
    if what == "missing":
        path.unlink()
    elif what == "damaged":
        path.write_bytes(path.read_bytes()[:-200])
    else:
        settings = settings.model_copy(update={"trust_domain": "elsewhere.example"})
    ensure_authority(settings)
    assert _der(settings) != old
    verify_web_app(settings, _der(settings))


def test_one_that_was_taken_away_is_refused(settings: Settings, authority: Authority) -> None:
    old = _der(settings)
    (settings.certs / FILE).unlink()
    with pytest.raises(InvalidCertificate):
        verify_web_app(settings, old)
    ensure_authority(settings)
    with pytest.raises(InvalidCertificate):
        verify_web_app(settings, old)


def test_one_that_others_can_read_stops_the_start(settings: Settings, authority: Authority) -> None:
    (settings.certs / FILE).chmod(0o640)
    with pytest.raises(UnsafeSettings):
        ensure_authority(settings)


def test_a_broken_file_lets_nobody_in(settings: Settings, authority: Authority) -> None:
    der = _der(settings)
    (settings.certs / FILE).write_text("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
    with pytest.raises(InvalidCertificate):
        verify_web_app(settings, der)
